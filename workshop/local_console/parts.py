"""Small parts that several tools show."""

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import ClickEventArguments, Handler

from workshop import causes
from workshop.errors import WorkshopError

ERRORS = (WorkshopError, BotoCoreError, ClientError)


def text(tag: str, content: str, classes: str = "") -> TextElement:
    """Show text as text, whatever is in it, in an HTML element."""
    return TextElement(tag=tag, text=content).classes(classes)


def box(tag: str, classes: str = "", name: str = "") -> ui.element:
    """Make an HTML element, with a name that is said aloud if it has one."""
    made = ui.element(tag).classes(classes)
    if name:
        made.props["aria-label"] = name
    return made


def button(label: str, act: Handler[ClickEventArguments], *, main: bool = False) -> ui.button:
    """Show a button; its colours are the style sheet's."""
    made = ui.button(label, on_click=act, color=None).props("no-caps unelevated")
    return made.classes("main" if main else "")


def status(content: str = "") -> TextElement:
    """Show a text that is said aloud when it changes."""
    return text("p", content, "state").props("role=status")


def problem(error: Exception, hint: Callable[[str], str]) -> None:
    """Show what went wrong and what to do about it; `hint` names the place in a next step."""
    shown = error if isinstance(error, WorkshopError) else causes.explained(error)
    with box("div", "problem").props("role=alert"):
        text("p", shown.message)
        text("p", f"Next: {hint(shown.next_step)}", "quiet")


async def confirmed(question: str, yes: str) -> bool:
    """Ask before something that costs money or deletes."""
    with ui.dialog() as dialog, ui.card().props("role=alertdialog") as card:
        text("p", question)
        with box("div", "bar"):
            button("Cancel", dialog.close).props("autofocus")
            button(yes, lambda: dialog.submit(yes), main=True)
    card.props["aria-label"] = question
    return bool(await dialog)
