"""The bucket as folders, and the first lines of an object."""

from typing import TYPE_CHECKING

from nicegui import run, ui
from rich.filesize import decimal

from workshop import bucket
from workshop.environment import Environment
from workshop.local_console.parts import text

if TYPE_CHECKING:
    from workshop.local_console.page import Page

_LINES, _LINE_LENGTH = 20, 2000


async def show(page: "Page", environment: Environment) -> None:
    """Show the folder, or the object, that the page's address names."""
    account, key = page.place.account, page.params.get("key", "")
    prefix = key[: key.rfind("/") + 1]
    found, is_cut = await run.io_bound(bucket.entries, account, environment, prefix)
    text("h2", "Bucket")
    with ui.element("nav").props("aria-label=Folder").classes("path"):
        ui.link(environment.bucket, page.url())
        parts = prefix.split("/")[:-1]
        for depth, part in enumerate(parts, 1):
            ui.label("/")
            ui.link(part, page.url(key="/".join(parts[:depth]) + "/"))
    with ui.element("ul").classes("entries"):
        for entry in found:
            with ui.element("li"):
                link = ui.link(entry.name, page.url(key=entry.key))
                if entry.key == key:
                    link.props("aria-current=true")
                about = entry.day if entry.key.endswith("/") else str(decimal(entry.size))
                ui.label(about).classes("quiet")
    if not found:
        ui.label("This folder is empty.")
    if is_cut:
        ui.label(f"Only the first {len(found)} are listed.").classes("quiet")
    if key and not key.endswith("/"):
        lines = await run.io_bound(bucket.first_lines, account, environment, key, _LINES)
        text("h3", f"First {len(lines)} lines, unpacked")
        with ui.element("pre").classes("code").props("tabindex=0"):
            ui.label("\n".join(line[:_LINE_LENGTH] for line in lines))
