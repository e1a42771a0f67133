"""Folders and files that only their owner may read."""

import os
import stat
import tempfile
from pathlib import Path

from workshop.errors import WorkshopError, reason

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter; restrict one that exists.

    Raises:
        WorkshopError: the folder cannot be made, or belongs to somebody else.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        restrict(folder)
    except OSError as error:
        raise WorkshopError(
            f"{folder} cannot be made readable for you only: {reason(error)}",
            "Check who owns it; what is written there is private",
        ) from error


def restrict(path: Path) -> None:
    """Take everybody else's rights from a folder or a file that exists.

    Follow no link: what it leads to is outside the folder, and its owner's decision.
    """
    if not path.exists() or path.is_symlink():
        return
    now = path.stat().st_mode
    mode = FOLDER_MODE if stat.S_ISDIR(now) else FILE_MODE
    if stat.S_IMODE(now) != mode:
        path.chmod(mode)


def opener(path: str, flags: int) -> int:
    """Open a file, as the `opener` of `open`, so that only its owner may read it."""
    file = os.open(path, flags, FILE_MODE)
    os.fchmod(file, FILE_MODE)  # an existing file keeps its mode otherwise
    return file


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, private from its first byte on."""
    # mkstemp makes it with the mode 0600.
    file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(file, "wb") as half:
            half.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
