"""Nothing that is printed acts in a terminal or in a spreadsheet, whatever it is."""

import io
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from typer.testing import CliRunner

from tests.support.printing import COMMANDS, PRINTING
from workshop import console
from workshop.commands.app import app
from workshop.console import PlainConsole
from workshop.errors import WorkshopError


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_and_json(name: str) -> None:
    """Help without an example is a riddle; output without JSON is a wall for other programs."""
    command = COMMANDS[name]
    assert re.search(rf"Example: .*workshop {name}", command.help or "")
    assert "--json" in {option for it in command.params for option in it.opts}


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
        console.out.print(console.Table([*LOG], [[*LOG.values()]]))
    shown = file.getvalue().splitlines()
    assert max(map(cell_len, shown)) <= width
    assert len(shown) <= lines
    text = "\n".join(shown)
    assert all(name in text and value[:30] in text for name, value in LOG.items() if value)


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
        console.out.print(console.Table(["name", "more"], [[text, "x"]]))
    shown = file.getvalue()
    assert len({cell_len(line) for line in shown.splitlines()}) == 1
    if not {"\n", "\t"} & {*text}:
        assert console.plain(text).rstrip() in shown


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


def test_the_end_of_a_line_in_a_value_ends_no_row() -> None:
    """What comes after it would be in another row, and a formula to a spreadsheet."""
    assert console.csv_text([["a\rb", "c\nd"], [None, "e"]]) == '"a\rb","c\nd"\n,e\n'


OF_STACKS = [
    name for name, it in COMMANDS.items() if "--stack" in [o for p in it.params for o in p.opts]
]
NO_STACKS = ["x\x1b", "", "1st", "a b", "--help", "x" * 129, "\u0661", "a\n"]


# One function checks every name, for every command.
@pytest.mark.parametrize(
    ("name", "stack"),
    [*((OF_STACKS[0], stack) for stack in NO_STACKS), *((name, "1st") for name in OF_STACKS[1:])],
)
def test_what_cannot_be_a_stack_is_refused(name: str, stack: str) -> None:
    """CloudFormation's answer to it could not even be parsed."""
    accounts = ["--accounts", "none"] if name.startswith("fleet") else []
    result = CliRunner().invoke(app, [*name.split(), *accounts, f"--stack={stack}"])
    assert isinstance(result.exception, WorkshopError)
    assert "is not a valid name of a stack" in result.exception.message
    assert "\x1b" not in result.exception.message
