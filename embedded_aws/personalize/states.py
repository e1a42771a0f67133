"""The states of what Personalize has, by the time that has passed since it was made.

Source: Amazon Personalize API Reference, the states that each Create operation documents.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

CREATE_PENDING, CREATE_IN_PROGRESS = "CREATE PENDING", "CREATE IN_PROGRESS"
ACTIVE, CREATE_FAILED = "ACTIVE", "CREATE FAILED"
DELETE_PENDING, DELETE_IN_PROGRESS = "DELETE PENDING", "DELETE IN_PROGRESS"
GONE = ""


def _done() -> "Future[str]":
    nothing = Future[str]()
    nothing.set_result("")
    return nothing


@dataclass
class Life:
    """The life of one resource.

    Attributes:
        made: when it was made, in epoch seconds.
        stage: how long each state lasts at least, in seconds.
        creation: the states until it is there.
        deletion: the states until it has gone.
        work: what its creation has to do; its result is why it failed, or an empty text.
        deleted: when its deletion began, in epoch seconds.
    """

    made: float
    stage: float
    creation: Sequence[str] = (CREATE_PENDING, CREATE_IN_PROGRESS)
    deletion: Sequence[str] = (DELETE_PENDING, DELETE_IN_PROGRESS)
    work: "Future[str]" = field(default_factory=_done)
    deleted: float | None = None

    @property
    def failure(self) -> str:
        """Why its creation failed; empty if it did not. Its work has ended."""
        error = self.work.exception()
        return f"The embedded Personalize failed: {error!r}" if error else self.work.result()

    def status(self, now: float) -> str:
        """The state at a time in epoch seconds; GONE once it is deleted."""
        if self.deleted is not None:
            return self._under_way(self.deletion, now - self.deleted) or GONE
        status = self._under_way(self.creation, now - self.made)
        if status or not self.work.done():
            return status or self.creation[-1]
        return CREATE_FAILED if self.failure else ACTIVE

    def changed(self, now: float) -> float:
        """When the state changed last, in epoch seconds."""
        begun = self.made if self.deleted is None else self.deleted
        stages = self.creation if self.deleted is None else self.deletion
        return begun + self._passed(stages, now - begun) * self.stage

    def _under_way(self, stages: Sequence[str], seconds: float) -> str:
        passed = self._passed(stages, seconds)
        return stages[passed] if passed < len(stages) else ""

    def _passed(self, stages: Sequence[str], seconds: float) -> int:
        """How many of the stages have passed after so many seconds."""
        return min(int(seconds / self.stage), len(stages)) if self.stage else len(stages)
