"""Waiting for what happens in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(look: Callable[[], Found | None], seconds: float = 120, pause: float = 0.1) -> Found:
    """Look again and again, and return the first answer that is not empty."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing in {seconds} seconds")
        time.sleep(pause)
    return found
