"""Terminals: one that is full of secrets, and one that a program writes to."""

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

CANARY = "AKIACANARYCANARY0000"
# What nothing that the embedded AWS runs may get to know.
SECRETS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("GITHUB_TOKEN", "SEGMENT_PUBLIC_API_TOKEN", "SSH_AUTH_SOCK"),
)
# Somebody's account, and the wish to listen everywhere.
TERMINAL = {
    **dict.fromkeys(SECRETS, CANARY),
    "AWS_REGION": "eu-west-1",
    "BIND_HOST": "0.0.0.0",  # noqa: S104 - refused
}
# What a terminal obeys: a title, a bell, a control of the second kind, a change of direction.
ACTIVE = ("\x1b]", "\x07", "\x9b", "\u202e")


def run_on_a_terminal(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], typed: str = ""
) -> tuple[int, str]:
    """Run a program whose input and output are a terminal; return its exit code and output."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    output = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return process.wait(timeout=60), output.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody writes any more
        return b""
