"""What commands answer, and how it is printed: as tables and lines, or as JSON."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from workshop import console
from workshop.checks import Check
from workshop.errors import WorkshopError


@dataclass(frozen=True)
class Table:
    """A part of an answer: rows of values below a title."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    title: str = ""


@dataclass(frozen=True)
class Facts:
    """A part of an answer: values by their names."""

    pairs: Iterable[tuple[str, object]]


@dataclass(frozen=True)
class Checks:
    """A part of an answer: a line for each check, and what to do where one fails."""

    checks: Sequence[Check]

    def print(self) -> None:
        """Print them."""
        width = max(len(check.rule) for check in self.checks)
        for check in self.checks:
            text = f"{check.rule:<{width}}  {check.found}"
            console.out.print(console.mark(text, passed=check.passed))
            if not check.passed:
                console.out.print(f"   {'':<{width}}  Next: {check.advice}")


@dataclass(frozen=True)
class Note:
    """A part of an answer that is about it, such as its cost: it goes to standard error."""

    text: str


@dataclass(frozen=True)
class Answer:
    """What a command answers.

    Attributes:
        value: what --json prints: JSON values and dataclasses.
        parts: what a person reads, in this order.
        failure: what is wrong with what was found, raised after the answer is printed.
    """

    value: object
    parts: Sequence[Table | Facts | Checks | Note | str] = ()
    failure: Exception | None = None

    def print(self, *, as_json: bool) -> None:
        """Print it.

        Raises:
            WorkshopError: the answer is a failure.
        """
        if as_json:
            console.print_json(self.value)
        for part in self.parts:
            if isinstance(part, Note):
                console.progress.print(part.text, style="dim")
            elif as_json:
                continue
            elif isinstance(part, Table):
                console.table(part.columns, part.rows, part.title)
            elif isinstance(part, Facts):
                console.facts(part.pairs)
            elif isinstance(part, Checks):
                part.print()
            else:
                console.out.print(part)
        if self.failure:
            if isinstance(self.failure, WorkshopError):
                self.failure.answered = True
            raise self.failure


def failure_of(require: Callable[..., object], *arguments: object) -> WorkshopError | None:
    """The error that a check raises, to be raised after the answer; None when it passes."""
    try:
        require(*arguments)
    except WorkshopError as error:
        return error
    return None
