"""The steps of longer work: each is shown while it is under way, and timed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.text import Text

from workshop import console


@dataclass
class Step:
    """One step of longer work: its name, what came of it, and how long it took."""

    name: str
    result: str = ""
    seconds: float = 0.0
    passed: bool = True
    number: str = field(default="", repr=False)
    doing: str = field(default="", repr=False)
    began: float = field(default_factory=time.monotonic, repr=False)

    def update(self, text: str) -> None:
        """Show what is being done now, where there is a terminal to show it on."""
        self.doing = f": {text}" if text else ""

    def __rich__(self) -> Text:
        """What it does and for how long, drawn several times a second while it is under way."""
        seconds = f" {time.monotonic() - self.began:.0f} s"
        text = console.plain(f"{self.number}{self.name}{self.doing}").replace("\n", " ")
        return Text(text[: console.progress.width - 4 - len(seconds)] + seconds)


@dataclass
class Steps:
    """The steps of one command, in order.

    Attributes:
        total: how many there will be; they are not numbered if it is 0.
        done: those that have ended.
    """

    total: int = 0
    done: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time a step; on a terminal with a spinner, elsewhere as one line when it is done."""
        number = f"[{len(self.done) + 1}/{self.total}] " if self.total else ""
        step = Step(name, number=number)
        with console.progress.status(step):
            try:
                yield step
            finally:
                step.seconds = round(time.monotonic() - step.began, 1)
        text = f"{number}{name}: {step.result} ({step.seconds} s)"
        console.progress.print(console.mark(text, passed=step.passed))
        self.done.append(step)
