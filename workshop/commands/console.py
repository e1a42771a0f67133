"""The command `console`: the exercise in a browser."""

import sys
import webbrowser
from typing import Annotated

import typer

from workshop import console, console_address
from workshop.commands.answer import Answer
from workshop.commands.context import Context


def console_(
    context: Context,
    *,
    listen: Annotated[
        int, typer.Option(min=1024, max=65_535, metavar="PORT", help="Port of the page.")
    ] = console_address.DEFAULT_PORT,
) -> Answer | None:
    """Do the exercise in a browser: the guide beside queries, job, bucket and checks.

    The page is served on this machine only, until you press Ctrl-C.

    Example: workshop console --local
    """
    context.announce()
    url = console_address.make(listen)
    console.out.print(url)
    sys.stdout.flush()
    if sys.stdout.isatty():
        webbrowser.open(url)
    # To import what serves pages takes longer than anything else that a command does. A fifth of it
    # is an HTTP client, which the websocket's library can do without.
    sys.modules.setdefault("aiohttp", None)  # type: ignore[arg-type]
    from workshop.local_console.server import serve  # noqa: PLC0415

    serve(context, url)
    return None
