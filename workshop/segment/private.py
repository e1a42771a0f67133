"""Folders and files that nobody but their owner may read."""

import contextlib
import os
import stat
from pathlib import Path

from workshop.errors import WorkshopError

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def make_folder(folder: Path) -> None:
    """Make a folder that is its owner's only; one that exists becomes so, with all that is in it.

    Raises:
        WorkshopError: it cannot be made so.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        _restrict(folder)
        for path in folder.rglob("*"):
            if not path.is_symlink():  # what a link leads to is somebody else's decision
                with contextlib.suppress(FileNotFoundError):  # SQLite removes its own
                    _restrict(path)
    except OSError as error:
        raise WorkshopError(
            f"{folder} cannot be made readable for you only: {error}",
            "Check whose it is; it holds secrets",
        ) from error


def make_file(path: Path) -> None:
    """Make an empty file that is its owner's only, unless it exists."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, FILE_MODE))


def _restrict(path: Path) -> None:
    now = path.stat().st_mode
    mode = FOLDER_MODE if stat.S_ISDIR(now) else FILE_MODE
    if stat.S_IMODE(now) != mode:
        path.chmod(mode)
