"""What was measured, in build/bench/results.json: written after every sample, read to resume."""

import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["whole", "steady"]
KINDS: tuple[Kind, ...] = ("whole", "steady")


@dataclass(frozen=True)
class Sample:
    """One process that was measured.

    Attributes:
        size: GB of raw JSON, as asked for.
        contestant: its name.
        kind: "whole" for a process that does the work once, "steady" for one that repeats it.
        round: 1 for the first.
        seconds: of the whole process, or the median of the repetitions after the first; None
            when the process was over the limit.
        process_seconds: from the start to the end of the process; when it was not even started,
            as the smaller data lets expect.
        peak_bytes: resident memory of the process and all below it, at most.
        repetitions: the seconds of each repetition.
        rows: what `rows.digest` says of its output, "" when it is not compared.
    """

    size: str
    contestant: str
    kind: Kind
    round: int
    seconds: float | None
    process_seconds: float
    peak_bytes: int = 0
    repetitions: tuple[float, ...] = ()
    rows: str = ""


@dataclass
class Section:
    """The samples of one experiment, the data, and the machine and programs they hold for."""

    about: dict[str, Any] = field(default_factory=dict)
    data: dict[str, dict[str, int]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def of(self, contestant: str, size: str, kind: Kind) -> list[Sample]:
        """The samples of all rounds."""
        wanted = (contestant, size, kind)
        return [one for one in self.samples if (one.contestant, one.size, one.kind) == wanted]

    def seconds(self, contestant: str, size: str, kind: Kind) -> float | None:
        """The median; None when there is none, or one round was over the limit."""
        return _median(self.of(contestant, size, kind), lambda sample: sample.seconds)

    def peak_bytes(self, contestant: str, size: str, kind: Kind = "whole") -> float | None:
        """The median of the peaks."""
        return _median(
            self.of(contestant, size, kind),
            lambda sample: None if sample.seconds is None else sample.peak_bytes,
        )

    def sizes(self) -> list[str]:
        """The sizes of the data, the smallest first."""
        return sorted(self.data, key=float)

    def contestants(self) -> Iterator[str]:
        """The names of those that were measured, in their order."""
        yield from dict.fromkeys(sample.contestant for sample in self.samples)


@dataclass
class Results:
    """The file, with a section for each experiment: "run" and "variants"."""

    path: Path
    sections: dict[str, Section] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read the file; without one there are no results yet."""
        stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return cls(path, {name: _section(value) for name, value in stored.items()})

    def save(self) -> None:
        """Write the file; whoever reads it sees it as it was before or as it is now."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        stored = {name: asdict(section) for name, section in self.sections.items()}
        new.write_text(json.dumps(stored, indent=2), "utf-8")
        new.replace(self.path)


def _section(stored: dict[str, Any]) -> Section:
    samples = [
        Sample(**sample | {"repetitions": tuple(sample["repetitions"])})
        for sample in stored["samples"]
    ]
    return Section(stored["about"], stored["data"], samples)


def _median(samples: list[Sample], value: Callable[[Sample], float | None]) -> float | None:
    values = [one for sample in samples if (one := value(sample)) is not None]
    return statistics.median(values) if values and len(values) == len(samples) else None
