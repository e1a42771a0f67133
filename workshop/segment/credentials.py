"""Segment's write keys: by option, environment, or a file that git ignores.

None of them is ever printed, not even in an error.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import dotenv

from workshop import private
from workshop.errors import WorkshopError

FOLDER = Path(".segment")  # `make clean` leaves it
KEYS_FILE = FOLDER / "keys.env"


def variable(source: str) -> str:
    """The environment variable of a source's write key, e.g. `SEGMENT_WRITE_KEY_WEBSITE_PROD`."""
    return "SEGMENT_WRITE_KEY_" + source.upper().replace("-", "_")


def write_keys(
    required: Iterable[str], optional: Iterable[str], options: Iterable[str], file: Path | None
) -> dict[str, str]:
    """Find the sources' write keys: an option comes before the environment, that before the file.

    Args:
        required: sources that need one.
        optional: sources that go without.
        options: `SOURCE=KEY`, as given.
        file: a file of `NAME=value` lines that must exist; by default KEYS_FILE, if it exists.

    Raises:
        WorkshopError: a key is missing, an option has another form, or the file cannot be read. It
            names no key.
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
    of_file = _read(file)

    def value(name: str) -> str:
        return (os.environ.get(name) or of_file.get(name) or "").strip()

    keys = {source: given.get(source) or value(variable(source)) for source in names}
    missing = [source for source in required if not keys[source]]
    if missing:
        lines = " and ".join(f"{variable(source)}=..." for source in missing)
        raise WorkshopError(
            f"No write key for {', '.join(missing)}.",
            f"Put {lines} into {file or KEYS_FILE} or the environment. Segment shows a source's "
            "key on its page, under Settings, API Keys; docs/segment.md has a Terraform example "
            "that makes the sources and writes the file",
        )
    return {source: key for source, key in keys.items() if key}


def _read(file: Path | None) -> dict[str, str | None]:
    """Read a file's variables; close the default file to others first."""
    if file and not file.is_file():
        raise WorkshopError(f"There is no file {file}.", "Choose a file with NAME=value lines")
    path = file or KEYS_FILE
    if not file and FOLDER.is_dir():
        private.make_folder(FOLDER)
        private.restrict(KEYS_FILE)
    try:
        return dotenv.dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError):
        raise WorkshopError(
            f"{path} cannot be read as text.", "Write it as UTF-8, with one NAME=value per line"
        ) from None
