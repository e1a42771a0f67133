"""What a person sees: steps with progress and times, tables, and errors with a next step.

Much of it is text that others wrote: participants, visitors of a shop, services. `PlainConsole`
prints it as text, whatever is in it.
"""

import csv
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import typer
from rich import box, table
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType  # noqa: TID251 - made safe here
from rich.rule import Rule
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from workshop.checks import Check
from workshop.errors import WorkshopError

CELL_LENGTH = 2000  # of a table
FOLDED = 27  # characters of a column that are not folded, its border among them
MANY_COLUMNS = 6
BLOCK_WIDTH = 60  # of a name and its value, where a table has too many columns
INTERRUPTED = 130  # the exit code that a shell expects after Ctrl-C
# What a terminal acts on instead of showing it: controls other than newline and tab, and the marks
# that turn the direction of text. A lone surrogate cannot be written at all.
_ACTIVE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# Characters that begin a formula, compatibility forms (e.g. full-width) aside.
_FORMULA = frozenset("=+-@\N{MINUS SIGN}")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def plain(text: str) -> str:
    r"""Show what a terminal would act on as its escape, e.g. `\u001b`; newlines and tabs stay."""
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class PlainConsole(Console):
    """A console on which text is text: no character and no markup in it does anything.

    Colour comes from styles, which only this program names.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Rich's own
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - Rich's own
        """Turn a string into text before it is measured, so that tables stay aligned."""
        return super().render_str(plain(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render anything; all that is printed comes through here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain(segment.text))

    def status(self, status: RenderableType, **options: Any) -> Status:  # noqa: ANN401 - Rich's own
        """Show a spinner; Rich would take a string for markup here, whatever the console says."""
        shown = Text(plain(status)) if isinstance(status, str) else status
        return super().status(shown, **options)


# Answers go to standard output, everything about how they came to be to standard error.
out = PlainConsole(soft_wrap=True)
progress = PlainConsole(stderr=True)


def counted(number: int, noun: str) -> str:
    """A number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def mark(text: str, *, passed: bool) -> Text:
    """A line that says whether something went well: `ok` or `no`, then the text."""
    word = ("ok", "green") if passed else ("no", "red")
    return Text.assemble(word, " ", plain(text))


@dataclass(frozen=True)
class Table:
    """A table to print: numbers right-aligned, NULL as an empty cell.

    With more columns than can be read side by side, each row is a block of names and values.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    title: str = ""

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """What Rich prints of it."""
        if self.title:
            yield Text(plain(self.title), "bold")
        shown = [["" if value is None else _cut(str(value)) for value in row] for row in self.rows]
        whole = [max(map(_width, cells)) + 3 for cells in zip(self.columns, *shown, strict=True)]
        least = [min(width, FOLDED) for width in whole]
        many = len(self.columns) > MANY_COLUMNS
        if sum(least) >= options.max_width or (many and sum(whole) > 2 * options.max_width):
            yield from _blocks(self.columns, self.rows, options)
            return
        view = table.Table(box=box.ROUNDED, border_style="dim", header_style="bold")
        for index, name in enumerate(self.columns):
            numbers = self.rows and all(_is_number(row[index]) for row in self.rows)
            view.add_column(
                name,
                justify="right" if numbers else "left",
                overflow="fold",
                min_width=least[index] - 3,
            )
        for row in shown:
            view.add_row(*row)
        yield view


def facts(pairs: Iterable[tuple[str, object]]) -> Text:
    """Names and values, a line each: what is not folded can be clicked and copied."""
    shown = [(plain(name), plain(str(value))) for name, value in pairs]
    longest = max((len(name) for name, _ in shown), default=0)
    return Text("\n").join(
        Text(f"{name:<{longest}}  ", style="bold").append(value, "not bold")
        for name, value in shown
    )


def checks(found: Sequence[Check]) -> Text:
    """A line for each check, and what to do where one fails."""
    width = max(len(check.rule) for check in found)
    lines = list[Text]()
    for check in found:
        lines.append(mark(f"{check.rule:<{width}}  {check.found}", passed=check.passed))
        if not check.passed:
            lines.append(Text(plain(f"   {'':<{width}}  Next: {check.advice}")))
    return Text("\n").join(lines)


def error(message: str, next_step: str) -> None:
    """Print what went wrong and what to do about it."""
    for word, style, text in (("Error:", "red", message), ("Next: ", "bold", next_step)):
        progress.print(Text.assemble((word, style), " ", plain(text)), soft_wrap=True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is done that cannot be undone; with `yes`, go on without asking.

    Raises:
        Abort: the answer is no.
        WorkshopError: there is no terminal to ask on.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise WorkshopError(
            f"This needs your consent: {plain(question)}?", "Run it in a terminal, or add --yes"
        )
    typer.confirm(f"{plain(question)}?", abort=True, err=True)


def print_json(value: object) -> None:
    """Output JSON and nothing else, dataclasses as objects; all but ASCII is escaped in it."""
    print(json.dumps(value, indent=2, default=asdict))  # noqa: T201 - exact output, no markup


def csv_text(rows: Iterable[Iterable[object]], *, spreadsheet: bool = False) -> str:
    """Rows as CSV; for a spreadsheet, with no value that it would run as a formula."""
    lines = list[str]()
    file: Any = SimpleNamespace(write=lines.append)
    # Python quotes a value with a character of the line's end: with `\r`, too, which ends a line
    # for most who read CSV.
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerows([map(inert, row) for row in rows] if spreadsheet else rows)
    return "".join(f"{line[:-2]}\n" for line in lines)


def print_csv(rows: Iterable[Iterable[object]], *, spreadsheet: bool = False) -> None:
    """Output CSV and nothing else: exact, unless a terminal would act on it."""
    text = csv_text(rows, spreadsheet=spreadsheet)
    sys.stdout.write(plain(text) if sys.stdout.isatty() else text)


def inert(value: object) -> object:
    """Put an apostrophe before a value that a spreadsheet would run as a formula.

    Numbers stay numbers. What a spreadsheet leaves out before a formula is looked through.
    Source: owasp.org/www-community/attacks/CSV_Injection
    """
    text = str(value)
    shown = (c for c in text if not c.isspace() and unicodedata.category(c) not in {"Cc", "Cf"})
    first = unicodedata.normalize("NFKC", next(shown, ""))[:1]
    runs = first in _FORMULA or text[:1] in {"\t", "\r", "\n"}
    return f"'{text}" if first and runs and not _NUMBER.fullmatch(text) else value


def _blocks(
    columns: Sequence[str], rows: Sequence[Sequence[object]], options: ConsoleOptions
) -> Iterator[RenderableType]:
    """Each row as names and values: as many in a line as fit, a long one on its own."""
    in_a_line = max(options.max_width // BLOCK_WIDTH, 1)
    width = options.max_width // in_a_line
    longest = max(cell_len(plain(name)) for name in columns)
    for number, row in enumerate(rows, 1):
        yield Rule(f"row {number}", align="left", style="dim")
        line, taken = Text(), 0
        for name, value in zip(columns, row, strict=True):
            if value is None:
                continue
            pair = Text(f"{plain(name):<{longest}}  ", style="bold")
            pair.append(plain(str(value)), "not bold")
            cells = -(-(pair.cell_len + 2) // width)
            if taken and taken + cells > in_a_line:
                yield _fitting(line, options)
                line, taken = Text(), 0
            line.pad_right(max(taken * width - line.cell_len, 0))
            line.append_text(pair)
            taken += cells
        if taken:
            yield _fitting(line, options)


def _fitting(line: Text, options: ConsoleOptions) -> Text:
    """A line, on a terminal no longer than it is wide."""
    if options.is_terminal:
        line.truncate(options.max_width, overflow="ellipsis")
    return line


def _width(text: str) -> int:
    return max(cell_len(line) for line in plain(text).split("\n"))


def _cut(text: str) -> str:
    """Leave what nobody reads in a table, and would take minutes to fold, to --csv and --json."""
    return text if len(text) <= CELL_LENGTH else f"{text[:CELL_LENGTH]}…"


def _is_number(value: object) -> bool:
    try:
        float(str(value).replace(",", ""))
    except ValueError:
        return value is None
    return True
