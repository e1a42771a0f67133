"""Measures the job beside other ways to do its work: `python -m bench`.

Every sample is in build/bench/results.json, a file of pyperf: `python -m pyperf show` describes it,
and `python -m pyperf compare_to before.json after.json --table` compares two.
"""

import os
import sys
from typing import Annotated

import pyperf
import typer

from bench import logs, tables
from bench.contestants import CONTESTANTS, CORES, VARIANTS, Contestant
from bench.measure import measure
from bench.rows import check_same
from bench.tables import STEADY, WHOLE
from embedded_aws.spark import check_java
from workshop import console, deployment
from workshop.errors import WorkshopError
from workshop.steps import Steps

FOLDER = deployment.BUILD / "bench"
RESULTS = FOLDER / "results.json"
PAGE = deployment.PROJECT / "docs" / "scaling.md"


def bench(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    sizes: Annotated[str, typer.Option(help="GB of raw JSON, comma separated.")] = "0.1,1.3,10",
    variants: Annotated[
        str, typer.Option(help="The size at which variants of the job run; '' for none.")
    ] = "1.3",
    rounds: Annotated[int, typer.Option(min=1, help="Processes of each kind.")] = 3,
    repetitions: Annotated[
        int, typer.Option(min=2, help="In one process, for its steady state.")
    ] = 4,
    limit_minutes: Annotated[float, typer.Option(help="End a process that takes longer.")] = 20,
    docs: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--docs", help="Measure nothing: write the last tables to the page.")
    ] = False,
) -> None:
    """Measure the job beside other ways to do its work: same data, same two cores.

    Example: python -m bench --sizes 0.1 --variants "" --rounds 1
    """
    if docs:
        tables.write(PAGE, tables.tables(pyperf.BenchmarkSuite.load(str(RESULTS))))
        return
    check_java()
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    race = _Race(rounds, repetitions, 60 * limit_minutes)
    for size in sorted({*sizes.split(","), *variants.split()}, key=float):
        entries = CONTESTANTS if size in sizes.split(",") else {}
        race.run(size, entries | (VARIANTS if size == variants else {}))
    for table in tables.tables(race.suite()):
        console.out.print(table)


class _Race:
    """Runs contestants side by side, in rounds; each sample is kept as soon as it is taken."""

    def __init__(self, rounds: int, repetitions: int, limit_seconds: float) -> None:
        self._rounds = rounds
        self._repetitions = repetitions
        self._limit = limit_seconds
        self._slow: set[tuple[str, str]] = set()  # over the limit: not tried with more data
        self._benchmarks: dict[str, pyperf.Benchmark] = {}

    def suite(self) -> pyperf.BenchmarkSuite:
        """All samples."""
        return pyperf.BenchmarkSuite(list(self._benchmarks.values()))

    def run(self, size: str, entries: dict[str, Contestant]) -> None:
        """Measure all of them at one size, and check that they write the same rows.

        Raises:
            WorkshopError: a contestant failed, or two wrote different rows.
        """
        with Steps().step(f"Logs of {size} GB") as step:
            raw = logs.simulated(FOLDER / "data", size)
            step.result = f"{raw.events:,} events"
        outputs = FOLDER / "outputs" / size
        for _ in range(self._rounds):
            for name, one in entries.items():
                data = logs.regrouped(raw, one.files) if one.files else raw
                for kind in (WHOLE, STEADY):
                    if (name, kind) not in self._slow:
                        self._sample(name, one, data, size, kind)
            check_same([outputs / name for name, one in entries.items() if one.compared])

    def _sample(
        self, name: str, contestant: Contestant, data: logs.Logs, size: str, kind: str
    ) -> None:
        title = tables.benchmark(size, name, kind)
        repetitions = 1 if kind == WHOLE else min(self._repetitions, contestant.repetitions)
        output = FOLDER / "outputs" / size / name
        with console.progress.status(title):
            sample = measure(name, data.folder, output, repetitions, self._limit)
        if sample is None:
            self._slow.add((name, kind))
            console.progress.print(f"{title}: over the limit")
            return
        first, *others = sample.seconds
        facts = {"name": title, "mem_max_rss": sample.peak_bytes, **data.facts()}
        run = pyperf.Run(
            [sample.process_seconds] if kind == WHOLE else others,
            warmups=None if kind == WHOLE else [(1, first)],
            metadata=facts | tables.programs(),
        )
        if title in self._benchmarks:
            self._benchmarks[title].add_run(run)
        else:
            self._benchmarks[title] = pyperf.Benchmark([run])
        self.suite().dump(str(RESULTS), replace=True)
        console.progress.print(f"{title}: {run.values[-1]:.2f} s")


def main() -> None:
    """Run the command; an error is its cause and the next step, and the exit code 1."""
    try:
        typer.run(bench)
    except WorkshopError as error:
        console.error(error.message, error.next_step)
        sys.exit(1)


main()
