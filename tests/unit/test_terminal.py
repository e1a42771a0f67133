"""What a person sees in a terminal, and what another program reads from a pipe."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import typer.main

from workshop.cli import app

if TYPE_CHECKING:
    from typer.core import TyperCommand, TyperGroup

PROJECT = Path(__file__).parent.parent.parent


def _commands(group: "TyperGroup", path: str = "") -> "dict[str, TyperCommand]":
    """Every command by what is typed for it, those of a group within it, too."""
    found: dict[str, TyperCommand] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= _commands(cast("TyperGroup", command), f"{path}{name} ")
        else:
            found[path + name] = cast("TyperCommand", command)
    return found


COMMANDS = _commands(cast("TyperGroup", typer.main.get_command(app)))
WIDE = """
from workshop import console
columns = ["first_name", "nothing", *(f"column_{n}" for n in range(20))]
console.table(columns, [["Anna", None, *("x" * 200 for _ in range(20))]], "Wide [and] long")
"""
NARROW = """
from workshop import console
console.table(["name", "count"], [["a[b]", "7"], [None, "1000"]])
"""


def run(code: str, **environment: str) -> str:
    """What a program prints into a pipe."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_and_json(name: str) -> None:
    """Help without an example is a riddle; output without JSON is a wall for other programs."""
    command = COMMANDS[name]
    assert re.search(rf"Example: .*python -m workshop {name}", command.help or "")
    assert "--json" in {option for it in command.params for option in it.opts}


def test_a_table_is_aligned_and_plain_in_a_pipe() -> None:
    """Escape sequences in a log file are noise."""
    shown = run(NARROW, COLUMNS="80")
    assert "\x1b" not in shown
    assert "\u2502 a[b] \u2502     7 \u2502" in shown
    assert "\u2502      \u2502  1000 \u2502" in shown


def test_more_columns_than_fit_are_blocks_with_every_value_whole() -> None:
    """The first query of the lesson has nineteen columns: side by side nobody can read them."""
    shown = run(WIDE, COLUMNS="80")
    assert "Wide [and] long" in shown
    assert "first_name  Anna\n" in shown
    assert shown.count("x" * 200) == 20
    assert "nothing" not in shown, "a value that is not there needs no line"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("workshop que", ["query"]), ("workshop query --c", ["--csv"]), ("workshop query 0", ["02"])],
)
def test_the_shell_completes(tmp_path: Path, typed: str, offered: list[str]) -> None:
    """From any folder, and without asking AWS."""
    completed = subprocess.run(
        [PROJECT / "bin" / "workshop"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "_WORKSHOP_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split()) - 1),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    assert {*offered} <= {*completed.stdout.split()}


def test_the_command_line_starts_without_the_cdk() -> None:
    """Loading it takes seconds, and the shell waits at every press of the tab key."""
    assert run("import sys, workshop.cli; print('aws_cdk' in sys.modules)") == "False\n"
