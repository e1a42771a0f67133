"""Serves the console, on loopback only."""

from pathlib import Path
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import StreamingResponse
from nicegui import app, ui

from workshop import athena, console
from workshop.commands.context import Context
from workshop.local_console.guard import Guard
from workshop.local_console.guide import PICTURES, steps
from workshop.local_console.page import Page
from workshop.local_console.place import Place


def serve(context: Context, url: str) -> None:
    """Serve the console until it is interrupted.

    Args:
        context: where it works.
        url: its address, with the key.
    """
    where, place = urlsplit(url), Place(context)

    @ui.page("/")
    @ui.page("/{name}")
    def page(request: Request, name: str = "") -> None:
        pages = steps()
        step = next((step for step in pages if step.name == name), pages[0])
        Page(place, pages, step, request.query_params)

    @app.get("/answers/{query_id}.csv")
    def answer(query_id: str) -> StreamingResponse:
        rows = athena.stream(place.account, athena.look(place.account, query_id))
        named = {"Content-Disposition": 'attachment; filename="answer.csv"'}
        lines = (console.csv_text([row], spreadsheet=True) for row in rows)
        return StreamingResponse(lines, media_type="text/csv", headers=named)

    for name, folder in PICTURES.items():
        app.add_static_files(f"/{name}", folder)
    app.add_middleware(Guard, port=where.port or 0, key=where.query.removeprefix("key="))
    ui.add_css(Path(__file__).with_name("style.css"), shared=True)
    ui.select.default_props("outlined dense options-dense")
    ui.input.default_props("outlined dense stack-label")
    ui.run(
        host=where.hostname,
        port=where.port,
        title="Local console",
        favicon="📊",
        dark=None,  # as the system
        language="en-US",
        tailwind=False,
        reconnect_timeout=30,
        reload=False,
        show=False,
        show_welcome_message=False,
    )
