"""What the stack has in the account: all of it now, nothing of it after its deletion."""

from typing import TYPE_CHECKING

from nicegui import run, ui

from workshop import deletion, inventory
from workshop.environment import Environment
from workshop.errors import WorkshopError
from workshop.local_console.parts import confirmed, text

if TYPE_CHECKING:
    from workshop.local_console.page import Page


async def show(page: "Page", environment: Environment | None) -> None:
    """Show everything that is there, and offer to delete it; without a stack, the proof.

    Raises:
        WorkshopError: the account does not answer.
    """
    account, stack = page.place.account, page.place.stack
    taken = await run.io_bound(inventory.take, account, stack)
    text("h2", "Inventory")
    found = f"The stack {stack} has {len(taken.left)} things here."
    summary = found if environment else taken.summary(account, stack)
    text("p", summary).props("role=status").classes("state")
    with ui.element("ul").classes("entries"):
        for thing in [*map(str, taken.left), *taken.unchecked]:
            text("li", thing)
    for name, sql in taken.participants.items():
        text("p", f"Made by hand: {name}. To remove it, run {sql};")
    if not environment:
        return

    async def delete() -> None:
        question = await run.io_bound(deletion.question, account, stack)
        if not await confirmed(f"{question}?", "Delete it"):
            return
        button.disable()
        doing.set_text("Deleting …")
        try:
            await run.io_bound(deletion.delete, account, stack, lambda _: None)
        except WorkshopError as error:
            page.problem(error)
        else:
            ui.navigate.reload()

    with ui.element("div").classes("bar"):
        button = ui.button("Delete the environment", on_click=delete).props(
            "outline color=negative"
        )
        doing = ui.label().props("role=status").classes("state")
