"""Write keys and the Public API's token: by option, environment, or a file that git ignores.

None of them is ever printed, not even in an error: see `hide`.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import dotenv

from workshop.errors import WorkshopError
from workshop.segment import private

FOLDER = Path(".segment")  # what is yours with Segment; `make clean` leaves it
KEYS_FILE = FOLDER / "keys.env"
TOKEN = "SEGMENT_PUBLIC_API_TOKEN"  # noqa: S105 - the variable's name


def variable(source: str) -> str:
    """The environment variable of a source's write key, e.g. `SEGMENT_WRITE_KEY_WEBSITE_PROD`."""
    return "SEGMENT_WRITE_KEY_" + source.upper().replace("-", "_")


def read(name: str, file: Path | None = None) -> str | None:
    """Read a variable from the environment, else from the file; blank is not there.

    Args:
        name: the variable's name.
        file: a file of `NAME=value` lines that must be there; by default KEYS_FILE, if it is.

    Raises:
        WorkshopError: the file cannot be read.
    """
    if file and not file.is_file():
        raise WorkshopError(f"There is no file {file}.", "Name one with NAME=value lines")
    path = file or KEYS_FILE
    if not file and FOLDER.is_dir():
        private.make_folder(FOLDER)
    try:
        values = dotenv.dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError):
        raise WorkshopError(
            f"{path} cannot be read as text.", "Write it as UTF-8, a NAME=value on each line"
        ) from None
    return (os.environ.get(name) or values.get(name) or "").strip() or None


def write_keys(
    required: Iterable[str], optional: Iterable[str], options: Iterable[str], file: Path | None
) -> dict[str, str]:
    """Find the sources' write keys: an option comes before the environment, that before the file.

    Args:
        required: sources that need one.
        optional: sources that go without.
        options: `SOURCE=KEY`, as given.
        file: see `read`.

    Raises:
        WorkshopError: a key is missing, or an option is of another form. It names no key.
    """
    required, optional = list(required), list(optional)
    names = [*required, *optional]
    given: dict[str, str] = {}
    for option in options:
        source, equals, key = option.partition("=")
        if source not in names or not equals or not key.strip():
            raise WorkshopError(
                "--write-key takes SOURCE=KEY with one of these sources: " + ", ".join(names),
                f"--write-key {names[0]}=...",
            )
        given[source] = key.strip()
    found = {source: given.get(source) or read(variable(source), file) for source in names}
    missing = [source for source in required if not found[source]]
    if missing:
        wanted = " and ".join(f"{variable(source)}=..." for source in missing)
        raise WorkshopError(
            f"No write key for {', '.join(missing)}.",
            f"Put {wanted} into {file or KEYS_FILE} or the environment (Segment shows a source's "
            "key on its page, under Settings, API Keys); or have the sources made: "
            "python -m workshop segment setup",
        )
    return {source: key for source, key in found.items() if key}


def token(file: Path | None) -> str:
    """Find the Public API's token: in a file of its own, the environment or KEYS_FILE.

    Raises:
        WorkshopError: there is none, or the file cannot be read.
    """
    try:
        found = file.read_text(encoding="utf-8").strip() if file else read(TOKEN)
    except (OSError, UnicodeDecodeError):
        raise WorkshopError(
            f"--token-file {file} cannot be read.", "Name a file with the token and nothing else"
        ) from None
    if not found or not found.isascii() or any(letter.isspace() for letter in found):
        raise WorkshopError(
            f"There is no token for Segment's Public API in {file or f'{TOKEN} or {KEYS_FILE}'}.",
            "Create one in Segment (Settings, Access Management, Tokens; role Workspace Owner), "
            f"and put {TOKEN}=... into {KEYS_FILE} or the environment",
        )
    return found


def store(values: Mapping[str, str]) -> int:
    """Set variables in KEYS_FILE, which only its owner may read; return how many are new."""
    private.make_folder(FOLDER)
    before = dotenv.dotenv_values(KEYS_FILE, interpolate=False)
    new = {name: value for name, value in values.items() if before.get(name) != value}
    for name, value in new.items():
        dotenv.set_key(KEYS_FILE, name, value)  # a new file is its owner's; another keeps its mode
    return len(new)


def forget(values: Mapping[str, str]) -> None:
    """Remove variables from KEYS_FILE that still have these values."""
    before = dotenv.dotenv_values(KEYS_FILE, interpolate=False)
    for name, value in values.items():
        if before.get(name) == value:
            dotenv.unset_key(KEYS_FILE, name)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of a text that somebody else wrote."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
