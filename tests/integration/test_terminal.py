"""What a terminal shows, and what another program reads from a pipe."""

import json
import os
import sys
from pathlib import Path

from tests.support import PROJECT, ran
from tests.support.printing import PRINTING
from tests.support.terminal import ACTIVE, run_on_a_terminal

WIDE = """
from workshop import console
columns = ["first_name", "nothing", *(f"column_{n}" for n in range(20))]
rows = [["Anna", None, *("x" * 200 for _ in range(20))]]
console.out.print(console.Table(columns, rows, "Wide [and] long"))
"""
NARROW = """
from workshop import console
console.out.print(console.Table(["name", "count"], [["a[b]", "7"], [None, "1000"]]))
"""


def run(code: str, **environment: str) -> str:
    """What a program prints into a pipe."""
    return ran(sys.executable, "-c", code, env={**os.environ, **environment}).stdout


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


def test_the_shell_completes(tmp_path: Path) -> None:
    """The number of a saved query, from any folder, and without asking AWS."""
    completed = ran(
        Path(sys.executable).with_name("workshop"),
        cwd=tmp_path,
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        _WORKSHOP_COMPLETE="complete_bash",
        COMP_WORDS="workshop query 0",
        COMP_CWORD="2",
    )
    assert "02" in completed.stdout.split()


def test_completion_is_that_of_workshop_however_it_was_started() -> None:
    """Completion for `python -m workshop` would break the tab key after `python`."""
    command = [sys.executable, "-m", "workshop", "--show-completion", "bash"]
    shown = ran(*command, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout
    assert "complete -o default -F _workshop_completion workshop" in shown
    assert "python" not in shown.lower()


def test_the_command_line_starts_without_what_takes_seconds() -> None:
    """The shell waits for it at every press of the tab key."""
    program = "import sys, workshop.commands.app; print({'aws_cdk', 'nicegui'} & {*sys.modules})"
    assert run(program) == "set()\n"


ON_A_TERMINAL = """
from tests.support.printing import PAYLOAD, PRINTING
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
    status, shown = run_on_a_terminal(
        [sys.executable, "-c", ON_A_TERMINAL], PROJECT, {**os.environ, "COLUMNS": "200"}
    )
    assert status == 1
    assert "RuntimeError: \\u001b]0;OWNED" in shown
    assert "\x1b[" in shown, "Rich's own colours are there"
    for active in ACTIVE:
        assert active not in shown
    assert shown.count(r"[red]x[/] [/oops] :warning:") >= len(PRINTING)


def test_csv_in_a_pipe_is_exact() -> None:
    """What a terminal would obey is data to a program."""
    code = r"from workshop import console; console.print_csv([['\x1b[1A\u202e', None, 'a,b']])"
    assert run(code) == '\x1b[1A\u202e,,"a,b"\n'


def test_json_is_ascii() -> None:
    """A terminal obeys nothing in it."""
    shown = run(r"from workshop import console; console.print_json('\x9b\u202e\x7f\ud800')")
    assert shown.isascii()
    assert json.loads(shown) == "\x9b\u202e\x7f\ud800"
