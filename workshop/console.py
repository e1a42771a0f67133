"""What a person sees: steps with progress and times, tables, and errors with a next step."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table
from rich.text import Text

INTERRUPTED = 130  # the exit code that a shell expects after Ctrl-C
# Answers go to standard output, everything about how they came to be to standard error.
out = Console(highlight=False, soft_wrap=True)
progress = Console(stderr=True, highlight=False)


@dataclass
class Step:
    """One step of longer work: its name, what came of it, and how long it took."""

    name: str
    result: str = ""
    seconds: float = 0.0
    passed: bool = True
    status: Status | None = field(default=None, repr=False)

    def facts(self) -> dict[str, str | float | bool]:
        """What there is to know about the step, as JSON values."""
        return {
            "name": self.name,
            "result": self.result,
            "seconds": self.seconds,
            "passed": self.passed,
        }

    def update(self, text: str) -> None:
        """Show what is being done now, where there is a terminal to show it on."""
        if self.status:
            self.status.update(escape(f"{self.name}: {text}"[: progress.width - 4]))


@dataclass
class Steps:
    """The steps of one command, in order."""

    done: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time a step; on a terminal with a spinner, elsewhere as one line when it is done."""
        step = Step(name)
        start = time.monotonic()
        with progress.status(name) as status:
            step.status = status
            try:
                yield step
            finally:
                step.status = None
                step.seconds = round(time.monotonic() - start, 1)
        mark = "[green]ok[/]" if step.passed else "[red]no[/]"
        progress.print(f"{mark} {escape(f'{name}: {step.result} ({step.seconds} s)')}")
        self.done.append(step)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print a table; numbers right-aligned, NULL as an empty cell.

    With more columns than fit side by side, each row is a block of its own, a line for every value
    that is there, cut where the terminal ends.
    """
    if title:
        out.print(f"[bold]{escape(title)}[/]")
    if sum(len(name) + 3 for name in columns) > out.width:
        _blocks(columns, rows)
        return
    view = Table(box=box.ROUNDED, border_style="dim", header_style="bold")
    for index, name in enumerate(columns):
        numbers = rows and all(_is_number(row[index]) for row in rows)
        view.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        view.add_row(*("" if value is None else escape(str(value)) for value in row))
    out.print(view)


def facts(pairs: Iterable[tuple[str, object]], *, cut: bool = False) -> None:
    """Print names and values, a line each: what is not folded can be clicked and copied.

    Args:
        pairs: the names with their values.
        cut: whether a value may end where the terminal does.
    """
    shown = [(name, str(value)) for name, value in pairs]
    longest = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        line = Text(f"{name:<{longest}}  ", style="bold").append(value, "not bold")
        if cut and out.is_terminal:
            line.truncate(out.width, overflow="ellipsis")
        out.print(line)


def print_json(value: object) -> None:
    """Answer with JSON and nothing else."""
    print(json.dumps(value, indent=2))  # noqa: T201 - exact output, no markup


def _blocks(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print each row as lines of names and values."""
    for number, row in enumerate(rows, 1):
        out.rule(f"row {number}", align="left", style="dim")
        pairs = zip(columns, row, strict=True)
        facts(((name, value) for name, value in pairs if value is not None), cut=True)


def _is_number(value: object) -> bool:
    try:
        float(str(value).replace(",", ""))
    except ValueError:
        return value is None
    return True
