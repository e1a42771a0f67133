"""The address of the local console, with the key that keeps others out."""

import secrets
from urllib.parse import urlsplit

from workshop import private
from workshop.account import LAST_PORT, is_open
from workshop.deployment import BUILD, build_folder
from workshop.errors import WorkshopError

HOST, DEFAULT_PORT = "127.0.0.1", 4580
ROOT = f"http://{HOST}:"
_FILE = BUILD / "console-address"  # of the console that was started last


def make(port: int) -> str:
    """Make the address; its key is kept, so that a tab outlives the console's restart.

    Raises:
        WorkshopError: the port is in use.
    """
    root = f"{ROOT}{port}/?key="
    before = _FILE.read_text("utf-8") if _FILE.exists() else ""
    if is_open(port):
        other = f"--listen {port + 1 if port < LAST_PORT else DEFAULT_PORT}"
        raise WorkshopError(
            f"Port {port} is in use.",
            f"Open the console that runs there: workshop open console; or {other}"
            if before.startswith(root)
            else f"Choose another port: {other}",
        )
    if before.startswith(root):
        return before
    build_folder()
    url = f"{root}{secrets.token_urlsafe(24)}"
    private.write(_FILE, url.encode())
    return url


def running() -> str:
    """The address of the console that runs.

    Raises:
        WorkshopError: there is none.
    """
    url = _FILE.read_text("utf-8") if _FILE.exists() else ROOT
    if not is_open(urlsplit(url).port or 0):
        raise WorkshopError("The local console does not run.", "Start it: workshop console")
    return url
