"""Runs contestants side by side, in rounds, and holds their rows against each other."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import rows
from bench.contestants import Contestant
from bench.data import Logs
from bench.measure import measure
from bench.results import KINDS, Kind, Results, Sample, Section
from workshop import console
from workshop.errors import WorkshopError


@dataclass(frozen=True)
class Rules:
    """How the race is run.

    Attributes:
        rounds: how many; each has every contestant once in each kind.
        repetitions: in one process, to show its steady state.
        limit_seconds: a process that would take longer is not run, or ended.
        outputs: the folder below which each contestant has one of its own.
    """

    rounds: int
    repetitions: int
    limit_seconds: float
    outputs: Path


@dataclass
class Race:
    """One experiment; its samples go to a section of the results, each as soon as it is there."""

    results: Results
    section: Section
    rules: Rules

    def run(self, size: str, entries: Sequence[tuple[Contestant, Logs]]) -> None:
        """Run all rounds at one size of the data, without what was measured before.

        Raises:
            WorkshopError: a contestant failed, or compared ones wrote different rows.
        """
        for number in range(1, self.rules.rounds + 1):
            for contestant, logs in entries:
                for kind in KINDS:
                    done = self.section.of(contestant.name, size, kind)
                    if not any(sample.round == number for sample in done):
                        self._sample(contestant, logs, size, kind, number)
            self._compare(size, [contestant for contestant, _ in entries if contestant.compared])

    def _sample(
        self, contestant: Contestant, logs: Logs, size: str, kind: Kind, number: int
    ) -> None:
        title = f"{size} GB, round {number}, {contestant.title}, {kind}"
        expected = self._expected_seconds(contestant, size, kind)
        if expected > self.rules.limit_seconds:
            self._keep(Sample(size, contestant.name, kind, number, None, expected))
            console.progress.print(
                f"{title}: over the limit, {expected / 60:.1f} minutes expected", soft_wrap=True
            )
            return
        repetitions = 1 if kind == "whole" else min(self.rules.repetitions, contestant.repetitions)
        output = self._output(contestant, size)
        with console.progress.status(title):
            measured = measure(
                contestant,
                logs.folder,
                output,
                repetitions=repetitions,
                limit_seconds=self.rules.limit_seconds,
            )
            compare = contestant.compared and measured.finished
            digest = rows.digest(output) if compare else ""
        seconds = (
            (measured.seconds if kind == "whole" else statistics.median(measured.repetitions[1:]))
            if measured.finished
            else None
        )
        self._keep(
            Sample(
                *(size, contestant.name, kind, number, seconds, measured.seconds),
                measured.peak_bytes,
                measured.repetitions,
                digest,
            )
        )
        shown = "over the limit" if seconds is None else f"{seconds:.2f} s"
        console.progress.print(
            f"{title}: {shown}, {measured.peak_bytes / 1e6:.0f} MB", soft_wrap=True
        )

    def _expected_seconds(self, contestant: Contestant, size: str, kind: Kind) -> float:
        """Of a process, from those at this or the next smaller size, if the work grows with it."""
        earlier = [
            sample
            for sample in self.section.samples
            if (sample.contestant, sample.kind) == (contestant.name, kind)
            and float(sample.size) <= float(size)
        ]
        if not earlier:
            return 0.0
        near = max(earlier, key=lambda sample: float(sample.size))
        return near.process_seconds * float(size) / float(near.size)

    def _keep(self, sample: Sample) -> None:
        self.section.samples.append(sample)
        self.results.save()

    def _output(self, contestant: Contestant, size: str) -> Path:
        return self.rules.outputs / size / contestant.name

    def _compare(self, size: str, compared: Sequence[Contestant]) -> None:
        """Check that all wrote the same rows, each time.

        Raises:
            WorkshopError: two did not; it names them and the first rows that only one has.
        """
        written = [
            (contestant, sample.rows)
            for contestant in compared
            for kind in KINDS
            for sample in self.section.of(contestant.name, size, kind)
            if sample.rows
        ]
        for contestant, digest in written[1:]:
            first, expected = written[0]
            if digest != expected:
                folders = self._output(first, size), self._output(contestant, size)
                lines = [f"{sign} {','.join(row)}" for sign, row in rows.differences(*folders)]
                raise WorkshopError(
                    f"At {size} GB the rows of {first.title} (-, {expected}) and of "
                    f"{contestant.title} (+, {digest}) differ; no time is reported.\n  "
                    + "\n  ".join(lines or ["(their latest outputs do not)"]),
                    f"Compare {folders[0]} with {folders[1]}",
                )
