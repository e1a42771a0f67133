"""The options that commands share."""

from typing import Annotated

import typer

Stack = Annotated[str, typer.Option("--stack", help="The stack's name.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with JSON on standard output.")]
