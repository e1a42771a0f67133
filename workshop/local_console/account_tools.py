"""What is in the account: the bucket, the checks of the CSV, and everything of the stack."""

from asyncio import to_thread
from typing import TYPE_CHECKING

from nicegui import ui
from rich.filesize import decimal

from workshop import bucket, deletion, inventory, progress
from workshop.environment import Environment
from workshop.local_console.parts import ERRORS, box, button, confirmed, status, text

if TYPE_CHECKING:
    from workshop.local_console.page import Page

_LINES, _LINE_LENGTH = 20, 2000


async def show_bucket(page: "Page", environment: Environment) -> None:
    """Show the folder, or the first lines of the object, that the page's address names."""
    account, key = page.place.account, page.params.get("key", "")
    *folders, name = key.split("/")
    prefix = key.removesuffix(name)
    entries, is_cut = await to_thread(bucket.entries, account, environment, prefix)
    text("h2", "Bucket")
    with box("nav", "path", "Folder"):
        ui.link(environment.bucket, page.url())
        for depth, folder in enumerate(folders, 1):
            ui.link(f"/ {folder}", page.url(key="/".join(folders[:depth]) + "/"))
    with box("ul", "entries"):
        for entry in entries:
            with ui.element("li"):
                ui.link(entry.name, page.url(key=entry.key))
                text("span", entry.day or (str(decimal(entry.size)) if entry.size else ""), "quiet")
    if is_cut or not entries:
        text("p", f"Only the first {len(entries)} are listed." if entries else "It is empty.")
    if name:
        lines = await to_thread(bucket.first_lines, account, environment, key, _LINES)
        text("h3", f"The first lines of {name}, unpacked")
        text("pre", "\n".join(line[:_LINE_LENGTH] for line in lines), "code").props("tabindex=0")


async def show_csv(page: "Page", environment: Environment) -> None:
    """Show each rule of Personalize with what was found, and what to do where it does not hold."""
    checks, complaint = await to_thread(progress.checks, page.place.account, environment)
    text("h2", "CSV for Amazon Personalize")
    status(f"{sum(check.passed for check in checks)} of {len(checks)} rules hold.")
    if complaint:
        text("p", f"{complaint}: run the job again.", "problem")
    with box("ul", "checks"):
        for check in checks:
            with box("li", "ok" if check.passed else "no"):
                text("b", f"{'✓' if check.passed else '✗ does not hold:'} {check.rule}")
                advice = "" if check.passed else f". {page.place.hint(check.advice)}"
                text("span", f"{check.found}{advice}")
    button("Check again", ui.navigate.reload)


async def show_inventory(page: "Page", environment: Environment | None) -> bool:
    """Show everything of the stack, and offer to delete it; return whether nothing is left."""
    account, stack = page.place.account, page.place.stack
    taken = await to_thread(inventory.take, account, stack)
    text("h2", "Inventory")
    found = f"The stack {stack} has {len(taken.left)} things here."
    doing = status(found if environment else taken.summary(account, stack))
    with box("ul", "entries"):
        for thing in [*map(str, taken.left), *taken.unchecked]:
            text("li", thing)
        for name, sql in taken.participants.items():
            text("li", f"{name}, made by hand. To remove it: {sql};")

    async def delete() -> None:
        question = await to_thread(deletion.question, account, stack)
        if await confirmed(f"{question}?", "Delete it"):
            delete_button.disable()
            doing.set_text("Deleting …")
            try:
                await to_thread(deletion.delete, account, stack, lambda _: None)
                ui.navigate.reload()
            except ERRORS as error:
                page.problem(error)

    if environment:
        delete_button = button("Delete the environment", delete)
    return taken.known and not taken.left
