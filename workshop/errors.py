"""The one kind of error that the command line shows: a cause and the next step."""

from collections.abc import Iterator
from contextlib import contextmanager


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read or written, without the number and the name of the file."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return error.strerror or str(error)


class WorkshopError(Exception):
    """Something that the user can act on.

    Attributes:
        message: one sentence that says what went wrong, naming the file, resource or option.
        next_step: one sentence that says what to do about it.
        details: what only `--verbose` shows, e.g. a traceback.
        answered: whether an answer that says so was printed before.
    """

    answered = False

    def __init__(self, message: str, next_step: str, details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.details = details


class Left(KeyboardInterrupt):
    """Ctrl-C while something was followed that goes on without the command.

    Attributes:
        hint: what goes on, and the command that continues or stops it.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


@contextmanager
def left(hint: str) -> Iterator[None]:
    """Give a hint where Ctrl-C ends what is done within.

    Raises:
        Left: it did.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise Left(hint) from interrupt
