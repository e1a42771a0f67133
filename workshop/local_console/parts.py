"""Small parts that several tools show."""

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement


def text(tag: str, content: str) -> TextElement:
    """Show text as text, whatever is in it, in an HTML element."""
    return TextElement(tag=tag, text=content)


def named(element: ui.element, name: str) -> None:
    """Give an element a name that is said aloud."""
    element.props["aria-label"] = name


async def confirmed(question: str, yes: str) -> bool:
    """Ask before something that costs money or deletes."""
    with ui.dialog() as dialog, ui.card().props("role=alertdialog") as card:
        text("p", question)
        with ui.element("div").classes("bar"):
            ui.button("Cancel", on_click=lambda: dialog.submit("")).props("outline autofocus")
            ui.button(yes, on_click=lambda: dialog.submit(yes))
    named(card, question)
    return bool(await dialog)
