"""Every command, and every way in which the commands print: each as a function of a text."""

from collections.abc import Callable
from typing import Any, cast

import typer.main
from rich.progress import Progress, TextColumn
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from workshop import console, fleet_progress
from workshop.accounts_file import Member
from workshop.checks import Check
from workshop.commands import fleet as fleet_cli
from workshop.commands.answer import Answer
from workshop.commands.app import app
from workshop.fleet import Results
from workshop.steps import Steps
from workshop.visit import Outcome, Visit


def _commands(group: TyperGroup, path: str = "") -> dict[str, TyperCommand]:
    """Every command by the words that run it, including the commands of groups."""
    found: dict[str, TyperCommand] = {}
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found |= _commands(command, f"{path}{name} ")
        else:
            found[path + name] = cast("TyperCommand", command)
    return found


COMMAND_LINE = cast("TyperGroup", typer.main.get_command(app))
COMMANDS = _commands(COMMAND_LINE)


def _outcome(text: str) -> Outcome:
    return Outcome("111122223333", "us-east-1", text, "broken", text, text, 1.0, 1, 0)


def _live_view(text: str) -> None:
    visit = Visit(Member("111122223333", "us-east-1", text), 1, cast("Any", None), text or "x")
    console.out.print(fleet_progress.view_of([visit], [_outcome(text)]))


def _lines_of_a_fleet(text: str) -> None:
    with fleet_progress.shown(1) as watch:
        watch([], [_outcome(text)])


def _step(text: str) -> None:
    with Steps().step(text) as step:
        step.update(text)
        step.result = text


def _status(text: str) -> None:
    with console.progress.status(text) as status:
        status.update(Text(text))


def _progress_bar(text: str) -> None:
    with Progress(TextColumn("{task.description}", markup=False), console=console.out) as bar:
        bar.add_task(text)


PAYLOAD = "\x1b]0;OWNED\x07\x9b7;7H\u202e[red]x[/] [/oops] :warning: \ud800"
PRINTING: dict[str, Callable[[str], object]] = {
    "table": lambda text: console.out.print(
        console.Table([text, "n"], [[text, 1], [None, text]], text)
    ),
    "blocks": lambda text: console.out.print(console.Table([text, *"x" * 40], [[text] * 41])),
    "facts": lambda text: console.out.print(console.facts([(text, text)])),
    "checks": lambda text: console.out.print(
        console.checks([Check(text, passed=False, found=text, advice=text)])
    ),
    "error": lambda text: console.error(text, text),
    "step": _step,
    "status": _status,
    "print": lambda text: console.progress.print(text, style="dim"),
    "print a Text": lambda text: console.out.print(Text(text)),
    "print an object": lambda text: console.out.print({text: [text]}),
    "rule": lambda text: console.out.rule(text, align="left"),
    "json": console.print_json,
    "Rich's json": lambda text: console.out.print_json(data={text: text}),
    "fleet's table": lambda text: Answer(
        None,
        fleet_cli._parts(Results.of([_outcome(text)], 1), text),  # noqa: SLF001
    ).print(as_json=False),
    "fleet's live view": _live_view,
    "fleet's lines": _lines_of_a_fleet,
    "progress bar": _progress_bar,
}
