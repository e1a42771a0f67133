"""The options that commands share."""

import re
from typing import Annotated

import typer

from workshop.errors import WorkshopError

# Source: AWS CloudFormation API Reference, CreateStack, StackName.
_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


def stack_name(name: str) -> str:
    """Take a stack's name as CloudFormation would.

    Raises:
        WorkshopError: it is no name of a stack.
    """
    if not _STACK_NAME.fullmatch(name):
        raise WorkshopError(
            f"--stack {name[:130]!r} is not a valid name of a stack.",
            "Use letters, digits and hyphens, at most 128, with a letter first",
        )
    return name


Stack = Annotated[str, typer.Option("--stack", callback=stack_name, help="The stack's name.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with JSON on standard output.")]
