"""The results as tables, for the terminal and for the documentation."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from bench import cost
from bench.contestants import CONTESTANTS, CORES, DUCKDB, JOB, LINES, PUBLISHED
from bench.data import GB
from bench.results import Kind, Results, Section
from bench.variants import VARIANTS

OVER = "over the limit"
MB = 10**6
TITLES = {one.name: one.title for one in CONTESTANTS} | {one.name: one.title for one in VARIANTS}
# What the job is held against, each with the aim: contestant, kind, aim.
AIMS: tuple[tuple[str, Kind, str], ...] = (
    (PUBLISHED.name, "whole", "at least 5 times faster, at 1.3 GB"),
    (DUCKDB.name, "steady", "at most 1.5 times as long"),
    (LINES.name, "steady", "at most 1.6 times as long"),
)
COSTED_GB = {"1 GB": 1.0, "100 GB": 100.0, "10 TB": 10_000.0}


@dataclass(frozen=True)
class Table:
    """A table that has a name in the documentation: `<!-- bench:NAME -->`."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[str]]


def tables(results: Results) -> Iterator[Table]:
    """Yield every table that there are results for."""
    run, variants = results.sections.get("run"), results.sections.get("variants")
    if run:
        yield _by_size("whole", "Whole process, seconds", run, _seconds(run, "whole"))
        yield _by_size("steady", "Steady state, seconds", run, _seconds(run, "steady"))
        yield _by_size("memory", "Peak memory, MB", run, _megabytes(run))
        yield _ratios(run)
        if len(run.sizes()) > 1:
            yield _growth(run)
        yield _rate(run)
        if run.seconds(JOB.name, run.sizes()[-1], "whole"):
            yield _cost(run)
        yield _machine(run)
    if variants:
        yield _variants(variants)


def gb_per_core_minute(run: Section, size: str, kind: Kind) -> float | None:
    """The job's rate: GB of raw JSON by each core in a minute."""
    seconds = run.seconds(JOB.name, size, kind)
    return run.data[size]["raw_bytes"] / GB / (seconds / 60 * CORES) if seconds else None


def _by_size(name: str, title: str, run: Section, cell: Callable[[str, str], str]) -> Table:
    rows = [[TITLES[who], *(cell(who, size) for size in run.sizes())] for who in run.contestants()]
    return Table(name, title, ["", *(f"{size} GB" for size in run.sizes())], rows)


def _seconds(run: Section, kind: Kind) -> Callable[[str, str], str]:
    return lambda who, size: (
        _number(run.seconds(who, size, kind)) if run.of(who, size, kind) else ""
    )


def _megabytes(run: Section) -> Callable[[str, str], str]:
    return lambda who, size: (
        _number(peak and peak / MB, OVER)
        if (peak := run.peak_bytes(who, size)) or run.of(who, size, "whole")
        else ""
    )


def _ratios(run: Section) -> Table:
    def cell(who: str, size: str, kind: Kind) -> str:
        ours, theirs = run.seconds(JOB.name, size, kind), run.seconds(who, size, kind)
        if not ours or not theirs:
            return ""
        return (
            f"{theirs / ours:.1f} times faster" if who == PUBLISHED.name else f"{ours / theirs:.2f}"
        )

    rows = [
        [f"{TITLES[who]}, {kind}", *(cell(who, size, kind) for size in run.sizes()), aim]
        for who, kind, aim in AIMS
    ]
    columns = ["the job against", *(f"{size} GB" for size in run.sizes()), "aim"]
    return Table("ratios", "The job's time against others", columns, rows)


def _growth(run: Section) -> Table:
    def times(after: float | None, before: float | None) -> str:
        return f"{after / before:.2f}" if after and before else ""

    rows = [
        [
            f"{small} to {large} GB",
            times(run.data[large]["raw_bytes"], run.data[small]["raw_bytes"]),
            *(
                times(run.seconds(JOB.name, large, kind), run.seconds(JOB.name, small, kind))
                for kind in ("whole", "steady")
            ),
            times(run.peak_bytes(JOB.name, large), run.peak_bytes(JOB.name, small)),
        ]
        for small, large in pairwise(run.sizes())
    ]
    columns = ["from, to", "data, times", "whole process", "steady state", "peak memory"]
    return Table("growth", "How the job grows with the data", columns, rows)


def _rate(run: Section) -> Table:
    rows = [
        [
            f"{size} GB",
            *(_number(gb_per_core_minute(run, size, kind)) for kind in ("whole", "steady")),
        ]
        for size in run.sizes()
    ]
    columns = ["data", "whole process", "steady state"]
    return Table("rate", "The job's rate, GB of raw JSON per core and minute", columns, rows)


def _cost(run: Section) -> Table:
    rate = gb_per_core_minute(run, run.sizes()[-1], "whole") or 0.0
    rows = []
    for title, raw_gb in COSTED_GB.items():
        run_on_glue = cost.estimate(raw_gb, rate)
        rows.append(
            [
                title,
                f"{run_on_glue.workers}",
                f"{run_on_glue.minutes:.1f}",
                f"{run_on_glue.dollars:.2f}",
            ]
        )
    columns = ["raw JSON", "G.1X workers", "minutes", "dollars"]
    return Table("cost", f"On Glue, at {_number(rate)} GB per core and minute", columns, rows)


def _machine(run: Section) -> Table:
    about = run.about
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    rows = [
        ["date", about["date"]],
        ["processor", f"{about['cpu']}, {CORES} of {about['cores']} cores used"],
        ["memory", f"{about['memory_bytes'] / GB:.0f} GB"],
        ["system", about["system"]],
        ["versions", versions],
    ] + [
        [
            f"data, {size} GB",
            (
                f"{facts['events']:,} events, {facts['raw_bytes'] / GB:.2f} GB of raw JSON, "
                f"{facts['gz_bytes'] / GB:.3f} GB in {facts['files']:,} gzipped files"
            ),
        ]
        for size, facts in sorted(run.data.items(), key=lambda item: float(item[0]))
    ]
    return Table("machine", "Measured on", ["what", "value"], rows)


def _variants(section: Section) -> Table:
    size = section.sizes()[0]
    rows = [
        [
            TITLES[who],
            _number(section.seconds(who, size, "whole")),
            _number(section.seconds(who, size, "steady")),
            _number((section.peak_bytes(who, size) or 0) / MB),
        ]
        for who in section.contestants()
    ]
    columns = ["the job", "whole process, s", "steady state, s", "peak memory, MB"]
    return Table("variants", f"What changes the job's time, at {size} GB", columns, rows)


def _number(value: float | None, missing: str = OVER) -> str:
    """Three digits, as far as they say something."""
    if value is None:
        return missing
    decimals = max(0, 2 - max(0, math.floor(math.log10(value)))) if value else 0
    return f"{value:,.{decimals}f}"
