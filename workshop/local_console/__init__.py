"""The local console: the exercise in a browser, for the embedded AWS and for an account alike."""

import csv
import io
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from workshop import console, private
from workshop.account import is_open
from workshop.commands.context import Context
from workshop.deployment import BUILD, build_folder
from workshop.errors import WorkshopError

HOST, DEFAULT_PORT = "127.0.0.1", 4580
ROOT = f"http://{HOST}:"
# The address of the console that was started last, with its key: for `workshop open console`.
ADDRESS = BUILD / "console-address"
_STYLE = Path(__file__).with_name("style.css")
_RECONNECT_SECONDS = 30
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect width="16" height="16" rx="3" fill="#2f62b5"/>'
    '<path d="M4 11V8m4 3V4m4 7V6" stroke="#fff" stroke-width="2"/></svg>'
)


def address(port: int) -> str:
    """The console's address with its key, which is kept: a tab outlives the console's restart.

    Raises:
        WorkshopError: another program has the port.
    """
    if is_open(port):
        raise WorkshopError(
            f"Port {port} is in use.",
            f"Open the console that runs there: workshop open console; or --listen {port + 1}",
        )
    build_folder()
    before = ADDRESS.read_text("utf-8") if ADDRESS.exists() else ""
    root = f"{ROOT}{port}/?key="
    if not before.startswith(root):
        private.write(ADDRESS, f"{root}{secrets.token_urlsafe(24)}".encode())
    return ADDRESS.read_text("utf-8")


def running() -> str:
    """The address of the console that runs.

    Raises:
        WorkshopError: there is none.
    """
    url = ADDRESS.read_text("utf-8") if ADDRESS.exists() else ROOT
    if not is_open(urlsplit(url).port or 0):
        raise WorkshopError("The local console does not run.", "Start it: workshop console")
    return url


def serve(context: Context, url: str) -> None:
    """Serve the console until it is interrupted.

    Args:
        context: where it works.
        url: its address, see `address`.
    """
    # Here: to import what serves pages takes longer than anything else that a command does.
    from fastapi import Request  # noqa: PLC0415
    from fastapi.responses import StreamingResponse  # noqa: PLC0415
    from nicegui import app, ui  # noqa: PLC0415

    from workshop import athena  # noqa: PLC0415
    from workshop.local_console.guard import Guard  # noqa: PLC0415
    from workshop.local_console.guide import PICTURES, steps  # noqa: PLC0415
    from workshop.local_console.page import Page  # noqa: PLC0415
    from workshop.local_console.place import Place  # noqa: PLC0415

    port, key = urlsplit(url).port, url.partition("key=")[2]
    place = Place(context)

    @ui.page("/")
    @ui.page("/{name}")
    def page(request: Request, name: str = "") -> None:
        pages = steps()
        step = next((step for step in pages if step.name == name), pages[0])
        Page(place, pages, step, request.query_params)

    @app.get("/answers/{query_id}.csv")
    def answer(query_id: str) -> StreamingResponse:
        execution = athena.look(place.account, query_id)
        named = {"Content-Disposition": f'attachment; filename="{execution.id}.csv"'}
        rows = athena.stream(place.account, execution)
        return StreamingResponse(_lines(rows), media_type="text/csv", headers=named)

    for name, folder in PICTURES.items():
        app.add_static_files(f"/{name}", folder)
    app.add_middleware(Guard, port=port, key=key)
    ui.add_css(_STYLE.read_text("utf-8"), shared=True)
    ui.run(
        host=HOST,
        port=port,
        title="Local console",
        favicon=_ICON,
        dark=None,  # as the system
        language="en-US",
        tailwind=False,
        reconnect_timeout=_RECONNECT_SECONDS,
        reload=False,
        show=False,
        show_welcome_message=False,
    )


def _lines(rows: Iterator[list[str]]) -> Iterator[str]:
    """CSV in which no value is a formula to a spreadsheet."""
    for row in rows:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(map(console.inert, row))
        yield text.getvalue()
