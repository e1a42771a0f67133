"""The benchmark's own arithmetic: a mistake here would stand in the docs as measured."""

from pathlib import Path

import pyperf
import pytest

from bench import logs, rows, tables
from bench.tables import MEMORY, STEADY, WHOLE
from workshop.console import Table
from workshop.errors import WorkshopError

HEADER = "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n"
OURS = "u,a,e,1\nv,b,e,2\nv,b,e,2\n"
FACTS = {"events": 1000, "files": 3, "raw_bytes": 10**9, "gz_bytes": 10**8}
MACHINE = {"java": "17", "packages": "pyspark 4", "memory": "8 GB", "mem_max_rss": 500 * 10**6}


def folder(path: Path, *files: str) -> Path:
    path.mkdir()
    for number, text in enumerate(files):
        (path / f"part-{number}.csv").write_text(HEADER + text, "utf-8")
    return path


def test_rows_are_compared_in_any_order_with_their_number(tmp_path: Path) -> None:
    """A wrong contestant must not win."""
    ours = folder(tmp_path / "ours", OURS)
    rows.check_same([ours, folder(tmp_path / "same", "v,b,e,2\nv,b,e,2\n", '"u",a,e,1\n')])
    fewer = folder(tmp_path / "fewer", "u,a,e,1\nv,b,e,2\n")
    more = folder(tmp_path / "more", OURS, "v,b,e,2\n")
    for other, difference in ((fewer, "-,v,b,e,2"), (more, r"\+,v,b,e,2")):
        with pytest.raises(WorkshopError, match=rf"{other.name} \(\+\) differ:\n  {difference}$"):
            rows.check_same([ours, other])


def measured(name: str, kind: str, *seconds: float) -> pyperf.Benchmark:
    metadata = {"name": tables.benchmark("1", name, kind), **FACTS, **MACHINE}
    return pyperf.Benchmark([pyperf.Run([one], metadata=metadata) for one in seconds])


def test_tables_show_medians_and_what_was_over_the_limit() -> None:
    """And the price on Glue, from the rate of a core."""
    job = measured("job", WHOLE, 9.0, 7.0, 8.0), measured("job", STEADY, 2.0)
    suite = pyperf.BenchmarkSuite([*job, measured("json", WHOLE, 1.0)])
    shown = {table.title: table for table in tables.tables(suite)}
    json = "Floor: Spark's JSON source"
    assert shown["whole"].rows == [["The job", "8.00"], [json, "1.00"]]
    assert shown["steady"].rows == [["The job", "2.00"], [json, "over the limit"]]
    assert shown["memory"].columns == [MEMORY, "1 GB"]
    assert shown["memory"].rows == [["The job", "500"], [json, "500"]]
    # 3.75 GB a core and minute, 4 cores a worker: 10,000 GB keep one busy for 667 minutes.
    assert shown["cost"].rows[0] == ["1 GB", "2", "1.0", "0.01"]
    assert shown["cost"].rows[2] == ["10 TB", "68", "10.0", "3.47"]
    assert ["data, 1 GB", "1,000 events, 1.00 GB of raw JSON, 0.100 GB in 3 gzipped files"] in (
        shown["machine"].rows
    )


def test_only_what_is_between_the_marks_is_replaced(tmp_path: Path) -> None:
    """Whoever measures again keeps the page's words."""
    page = tmp_path / "page.md"
    page.write_text("A\n<!-- bench:whole -->\nold\n<!-- /bench -->\nB\n")
    table = Table(["", "1 GB"], [["The job", "7.8"]], "whole")
    tables.write(page, [table])
    shown = "|  | 1 GB |\n| --- | ---: |\n| The job | 7.8 |\n"
    assert page.read_text() == f"A\n<!-- bench:whole -->\n{shown}<!-- /bench -->\nB\n"
    with pytest.raises(WorkshopError, match="whole"):
        tables.write(page, [])


def test_regrouped_logs_hold_the_same_events(tmp_path: Path) -> None:
    """Few and many files are compared: both must be the same work."""
    raw = logs.simulated(tmp_path, "0.001")
    again = logs.regrouped(raw, 7)
    assert (again.files, again.events, again.raw_bytes) == (7, raw.events, raw.raw_bytes)
    assert raw.raw_bytes == pytest.approx(10**6, rel=0.05)
