"""What a person sees in a terminal, and what another program reads from a pipe."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import typer.main
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.progress import Progress, TextColumn
from rich.text import Text
from typer.testing import CliRunner

from tests.support import PROJECT
from workshop import console, fleet_progress
from workshop.accounts_file import Member
from workshop.commands import fleet as fleet_cli
from workshop.commands.answer import Answer
from workshop.commands.app import app
from workshop.console import PlainConsole
from workshop.errors import WorkshopError
from workshop.steps import Steps
from workshop.visit import Outcome, Visit

if TYPE_CHECKING:
    from typer.core import TyperCommand, TyperGroup


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
    assert re.search(rf"Example: .*workshop {name}", command.help or "")
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


LOG = {
    "anonymousid": "a6552d4af972de22155646c3e2db355c",
    "channel": "mobile",
    "context": "{active=null, app=null, " + "campaign=null, " * 40 + "}",
    "messageid": "eb811a42b6564d27b419ae47750d5c80",
    "originaltimestamp": "2026-10-29T00:32:59.534Z",
    "projectid": "d3548ad2e19fa29d6d7e42",
    "properties": "{brand=null, browser=null, " + "cart_id=null, " * 40 + "}",
    "timestamp": "2026-10-29T00:32:59.788Z",
    "traits": None,
    "type": "screen",
    "userid": "user-000297",
    "version": "2",
}


@pytest.mark.parametrize(("width", "lines"), [(80, 12), (120, 9), (200, 7), (400, 7)])
def test_the_first_query_reads_well_at_any_width(width: int, lines: int) -> None:
    """A wide terminal has fewer lines for a row, and no value is folded to a narrow column."""
    file = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        plain = PlainConsole(
            file=file, force_terminal=True, color_system=None, width=width, _environ={}
        )
        patch.setattr(console, "out", plain)
        console.table([*LOG], [[*LOG.values()]])
    shown = file.getvalue().splitlines()
    assert max(map(cell_len, shown)) <= width
    assert len(shown) <= lines
    text = "\n".join(shown)
    assert all(name in text and value[:30] in text for name, value in LOG.items() if value)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("workshop que", ["query"]), ("workshop query --c", ["--csv"]), ("workshop query 0", ["02"])],
)
def test_the_shell_completes(tmp_path: Path, typed: str, offered: list[str]) -> None:
    """From any folder, and without asking AWS."""
    completed = subprocess.run(
        [Path(sys.executable).with_name("workshop")],
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


def test_completion_is_that_of_workshop_however_it_was_started() -> None:
    """Completion for `python -m workshop` would break the tab key after `python`."""
    shown = subprocess.run(
        [sys.executable, "-m", "workshop", "--show-completion", "bash"],
        cwd=PROJECT,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "complete -o default -F _workshop_completion workshop" in shown
    assert "python" not in shown.lower()


def test_the_command_line_starts_without_the_cdk() -> None:
    """Loading it takes seconds, and the shell waits at every press of the tab key."""
    assert run("import sys, workshop.commands.app; print('aws_cdk' in sys.modules)") == "False\n"


# What a terminal, or the order of the letters in a line, would obey. Surrogates cannot be written.
ACTIVE = {
    *(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000))),
    *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
} - {"\n", "\t"}
ANY_TEXT = st.text(
    st.one_of(st.sampled_from(sorted(ACTIVE | {*"[]/\\:\n\t"})), st.characters(codec=None))
)
MARKUP = st.sampled_from(["[red]", "[/]", "[/oops]", "[link=https://evil.example]", ":warning:"])
HOSTILE = st.one_of(ANY_TEXT, st.lists(st.one_of(MARKUP, ANY_TEXT)).map("".join))


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


PRINTING: dict[str, Callable[[str], object]] = {
    "table": lambda text: console.table([text, "n"], [[text, 1], [None, text]], text),
    "blocks": lambda text: console.table([text, *"x" * 40], [[text] * 41]),
    "facts": lambda text: console.facts([(text, text)]),
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
        fleet_cli._summary([_outcome(text)], text, 1),  # noqa: SLF001
    ).print(as_json=False),
    "fleet's live view": _live_view,
    "fleet's lines": _lines_of_a_fleet,
    "progress bar": _progress_bar,
}


@pytest.mark.parametrize("name", PRINTING)
@pytest.mark.parametrize("terminal", [False, True])
@settings(deadline=None, max_examples=50)
@given(text=HOSTILE)
def test_nothing_that_is_printed_acts(name: str, text: str, *, terminal: bool) -> None:
    """A name from the data could clear the screen, or show `ok` where there was an error."""
    file = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for stream in ("out", "progress"):
            # Without colours nothing but cursor movements is Rich's own.
            plain = PlainConsole(
                file=file, force_terminal=terminal, color_system=None, width=120, _environ={}
            )
            patch.setattr(console, stream, plain)
        patch.setattr(sys, "stdout", file)
        PRINTING[name](text)
    shown = file.getvalue()
    if terminal:
        shown = re.sub(r"\x1b\[(\?25[lh]|1A|2K)|\r", "", shown)
    assert not ACTIVE & {*shown}
    shown.encode()


@settings(deadline=None)
@given(text=HOSTILE)
def test_a_table_stays_aligned_and_keeps_its_text(text: str) -> None:
    """What is escaped is wider than what it stands for."""
    file = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "out", PlainConsole(file=file, width=10_000, _environ={}))
        console.table(["name", "more"], [[text, "x"]])
    shown = file.getvalue()
    assert len({cell_len(line) for line in shown.splitlines()}) == 1
    if not {"\n", "\t"} & {*text}:
        assert console.plain(text).rstrip() in shown


PAYLOAD = "\x1b]0;OWNED\x07\x9b7;7H\u202e[red]x[/] [/oops] :warning: \ud800"
ON_A_TERMINAL = """
from tests.unit.test_terminal import PAYLOAD, PRINTING
from workshop.commands import app, query
from workshop import console, queries
for name, show in PRINTING.items():
    show(PAYLOAD)
query._require_consent(queries.SavedQuery(PAYLOAD, "", PAYLOAD, PAYLOAD, "added"), yes=True)
console.print_csv([[PAYLOAD]])
def fail(*_, **__):
    raise RuntimeError(PAYLOAD)
app.app = fail
app.main()
"""


def test_nothing_acts_on_a_real_terminal_not_even_in_a_traceback() -> None:
    """On a terminal there are colours and spinners as well."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL],
        cwd=PROJECT,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = bytearray()
    while True:
        try:
            output += os.read(ours, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
    shown = output.decode()
    assert process.wait(timeout=60) == 1
    assert "RuntimeError: \\u001b]0;OWNED" in shown
    assert "\x1b[" in shown, "Rich's own colours are there"
    for active in ("\x1b]", "\x07", "\x9b", "\u202e", "\ud800"):
        assert active not in shown
    assert shown.count(r"[red]x[/] [/oops] :warning:") >= len(PRINTING)


def test_csv_in_a_pipe_is_exact() -> None:
    """What a terminal would obey is data to a program."""
    code = r"from workshop import console; console.print_csv([['\x1b[1A\u202e', None, 'a,b']])"
    assert run(code) == '\x1b[1A\u202e,,"a,b"\n'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-1+1", "'-1+1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("\rx", "'\rx"),
        (" =1", "' =1"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff20SUM(1)", "'\uff20SUM(1)"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1+1", "'\uff0d1+1"),
        ("-5", "-5"),
        ("+1.5e-3", "+1.5e-3"),
        (-5, -5),
        (None, None),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_a_spreadsheet_runs_no_value(value: object, written: object) -> None:
    """A SKU could send the row beside it to somebody else."""
    assert console.inert(value) == written


@given(text=HOSTILE)
def test_what_is_inert_begins_with_no_formula(text: str) -> None:
    """Whatever is before it that a spreadsheet leaves out."""
    first = str(console.inert(text)).lstrip(" ")[:1]
    number = re.fullmatch(r"[+-][0-9.eE+-]+", text)
    assert first not in {*"=@", "\t", "\r"}
    assert first not in {*"+-"} or number


@pytest.mark.parametrize(
    "name",
    [name for name, it in COMMANDS.items() if "--stack" in [o for p in it.params for o in p.opts]],
)
@pytest.mark.parametrize("stack", ["x\x1b", "", "1st", "a b", "--help", "x" * 129, "\u0661", "a\n"])
def test_what_cannot_be_a_stack_is_refused(name: str, stack: str) -> None:
    """CloudFormation's answer to it could not even be parsed."""
    accounts = ["--accounts", "none"] if name.startswith("fleet") else []
    result = CliRunner().invoke(app, [*name.split(), *accounts, f"--stack={stack}"])
    assert isinstance(result.exception, WorkshopError)
    assert "is not a valid name of a stack" in result.exception.message
    assert "\x1b" not in result.exception.message


def test_json_is_ascii() -> None:
    """A terminal obeys nothing in it."""
    shown = run(r"from workshop import console; console.print_json('\x9b\u202e\x7f\ud800')")
    assert shown.isascii()
    assert json.loads(shown) == "\x9b\u202e\x7f\ud800"
