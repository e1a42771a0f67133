"""What commands answer, and how it is printed: as tables and lines, or as JSON."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text

from workshop import console
from workshop.errors import WorkshopError


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
    parts: Sequence[console.Table | Text | Note | str] = ()
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
            elif part and not as_json:
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
