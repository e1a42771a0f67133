"""The one kind of error that the command line shows: a cause and the next step."""


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
