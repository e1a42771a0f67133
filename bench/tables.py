"""The results as tables, for the terminal and, between its marks, for docs/scaling.md."""

import math
import re
import statistics
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import psutil
import pyperf

from bench.contestants import CONTESTANTS, CORES, VARIANTS
from bench.logs import GB
from workshop.console import Table
from workshop.errors import WorkshopError

WHOLE, STEADY, MEMORY = "whole process, seconds", "steady state, seconds", "peak memory, MB"
OVER = "over the limit"
# A vCPU of a G.1X worker (4 of them, 1 DPU) is assumed to do what a core here does.
GLUE_CORES, DPU_HOUR_DOLLARS, TARGET_MINUTES = 4, 0.308, 10
BLOCK = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def benchmark(size: str, name: str, kind: str) -> str:
    """What the results call a contestant's times at one size."""
    return f"{size} GB, {name}, {kind}"


def tables(suite: pyperf.BenchmarkSuite) -> Iterator[Table]:
    """Yield every table that there are results for; its title is its block's name on the page."""
    found = {one.get_name(): one for one in suite.get_benchmarks()}
    keys = {tuple(re.split(" GB, |, ", name, maxsplit=2)[:2]) for name in found}
    sizes = sorted({size for size, who in keys if who in CONTESTANTS}, key=float)
    measured = [who for who in CONTESTANTS if any(who == name for _, name in keys)]

    def cell(size: str, who: str, kind: str) -> str:
        one = found.get(benchmark(size, who, WHOLE if kind == MEMORY else kind))
        if one is None:
            return OVER
        if kind != MEMORY:
            return number(one.median())
        peaks = [run.get_metadata()["mem_max_rss"] for run in one.get_runs()]
        return number(statistics.median(peaks) / 10**6)

    for name, kind in (("whole", WHOLE), ("steady", STEADY), ("memory", MEMORY)):
        rows = [
            [CONTESTANTS[who].title, *(cell(size, who, kind) for size in sizes)] for who in measured
        ]
        yield Table([kind, *(f"{size} GB" for size in sizes)], rows, name)
    for size, who in keys:
        if who == next(iter(VARIANTS)):
            columns = [f"the job, {size} GB", WHOLE, STEADY, MEMORY]
            kinds = (WHOLE, STEADY, MEMORY)
            rows = [
                [v.title, *(cell(size, k, kind) for kind in kinds)] for k, v in VARIANTS.items()
            ]
            yield Table(columns, rows, "variants")
    if sizes and (largest := found.get(benchmark(sizes[-1], "job", WHOLE))):
        yield _cost(largest)
    yield _machine(found)


def write(page: Path, found: Iterable[Table]) -> None:
    """Replace every block of the page by its table.

    Raises:
        WorkshopError: the page has no block, or a block has no table.
    """
    named = {table.title: table for table in found}
    text = page.read_text("utf-8")
    blocks = {name for _, name, _ in BLOCK.findall(text)}
    if not blocks or blocks - named.keys():
        raise WorkshopError(
            f"{page} has the blocks {sorted(blocks)}, the results have tables {sorted(named)}.",
            "Measure what is missing: python -m bench",
        )
    page.write_text(BLOCK.sub(lambda b: b[1] + _markdown(named[b[2]]) + b[3], text), "utf-8")


def _markdown(table: Table) -> str:
    """As Markdown has it; a column of numbers is right-aligned."""
    rows = [[str(cell) for cell in row] for row in table.rows]
    numbers = [
        all(re.fullmatch(rf"[\d.,]*|{OVER}", cell) for cell in column)
        for column in zip(*rows, strict=True)
    ]
    rule = ["---:" if number else "---" for number in numbers]
    return "".join(f"| {' | '.join(row)} |\n" for row in (table.columns, rule, *rows))


def number(value: float) -> str:
    """Format a number with three significant digits."""
    decimals = max(0, 2 - max(0, math.floor(math.log10(value))))
    return f"{value:,.{decimals}f}"


@cache
def programs() -> dict[str, str]:
    """What the results hold for, beside what pyperf finds out."""
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    return {
        "java": (re.findall(r'version "([^"]+)', java) or ["?"])[0],
        "packages": ", ".join(f"{name} {version(name)}" for name in ("pyspark", "duckdb")),
        "memory": f"{psutil.virtual_memory().total / GB:.0f} GB",
    }


def _cost(of_job: pyperf.Benchmark) -> Table:
    rate = of_job.get_metadata()["raw_bytes"] / GB / (of_job.median() / 60 * CORES)
    rows = []
    for title, gb in (("1 GB", 1), ("100 GB", 100), ("10 TB", 10_000)):
        busy = gb / (rate * GLUE_CORES)  # minutes of one worker
        workers = max(2, 1 + math.ceil(busy / TARGET_MINUTES))  # one of them is the driver
        minutes = max(1, busy / (workers - 1))
        dollars = workers * minutes / 60 * DPU_HOUR_DOLLARS
        rows.append([title, f"{workers}", f"{minutes:.1f}", f"{dollars:.2f}"])
    return Table(["raw JSON", "G.1X workers", "minutes", "dollars"], rows, "cost")


def _machine(found: dict[str, pyperf.Benchmark]) -> Table:
    about = list(found.values())[-1].get_runs()[-1].get_metadata()
    python = about["python_version"].split()[0]
    rows = {
        "date": about["date"][:10],
        "processor": f"{about.get('cpu_model_name', '?')}, {CORES} cores used",
        "memory": about["memory"],
        "system": about["platform"],
        "versions": f"python {python}, java {about['java']}, {about['packages']}",
    }
    for name, one in found.items():
        facts = one.get_metadata()
        rows.setdefault(
            f"data, {name.partition(',')[0]}",
            f"{facts['events']:,} events, {facts['raw_bytes'] / GB:.2f} GB of raw JSON, "
            f"{facts['gz_bytes'] / GB:.3f} GB in {facts['files']:,} gzipped files",
        )
    return Table(["what", "value"], [list(row) for row in rows.items()], "machine")
