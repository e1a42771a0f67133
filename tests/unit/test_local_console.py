"""The local console: the guide's links in it, and which answers have a chart."""

import pytest

from workshop.athena import Result
from workshop.local_console import chart
from workshop.local_console.guide import PICTURES, linked, steps


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![A](../../diagrams/a.svg)", "![A](/diagrams/a.svg)"),
        ("![A](../pictures/a.png)", "![A](/pictures/a.png)"),
        ("[On](../60-run-the-job/index.en.md)", "[On](/60-run-the-job)"),
        ("[On](60-run-the-job/index.en.md)", "[On](/60-run-the-job)"),
        ("[Overview](../index.en.md)", "[Overview](/)"),
        ("[Segment](../../segment.md)", "Segment"),
        ("**`02 Which are there`**", "**[`02 Which are there`](?tool=Queries&query=02)**"),
        ("the link `AthenaConsole`", "the link [`AthenaConsole`](?tool=Queries)"),
        ("the link `JobConsole`", "the link [`JobConsole`](?tool=Job)"),
        ("`BucketConsole`, then", "[`BucketConsole`](?tool=Bucket), then"),
        ("`$0.02`", "`$0.02`"),
    ],
)
def test_the_guides_links_lead_somewhere_in_the_console(text: str, shown: str) -> None:
    """A link that works on a code host only would end at an error."""
    assert linked(text) == shown


def test_every_page_has_its_tool() -> None:
    """The job must not stand beside the page about Athena."""
    tools = {step.name: step.tool for step in steps()}
    assert next(iter(tools)) == "overview"
    assert [*tools] == sorted(tools, key=lambda name: (name != "overview", name))
    assert tools["40-explore-with-athena"] == "Queries"
    assert tools["60-run-the-job"] == "Job"
    assert tools["70-check-the-csv"] == "CSV"
    assert tools["90-clean-up"] == "Inventory"
    assert all(folder.is_dir() for folder in PICTURES.values())


def answer(*types: str, rows: int = 3) -> Result:
    row: list[str | None] = ["2026-03-01" if kind == "date" else "1" for kind in types]
    columns = [f"{kind}{index}" for index, kind in enumerate(types)]
    return Result(columns, [row] * rows, more=False, seconds=1, scanned_bytes=1, types=[*types])


@pytest.mark.parametrize(
    ("types", "rows", "series"),
    [
        (("varchar", "bigint"), 3, ["bigint1"]),
        (("varchar(10)", "bigint", "double"), 3, ["bigint1", "double2"]),
        (("integer", "bigint"), 24, ["bigint1"]),
        (("varchar", "date", "bigint"), 3, ["1"]),
        (("date", "bigint"), 30, ["bigint1"]),
        (("varchar", "varchar", "bigint"), 3, ["bigint2"]),
        (("varchar", "bigint"), 1, None),
        (("varchar", "varchar"), 3, None),
        (("varchar", "varchar", "varchar", "bigint"), 3, None),
        (("bigint",), 3, None),
        ((), 0, None),
    ],
)
def test_an_answer_with_labels_and_numbers_has_a_chart(
    types: tuple[str, ...], rows: int, series: list[str] | None
) -> None:
    """A chart of what has no numbers would be empty, one of a single row says nothing."""
    options = chart.of_result(answer(*types, rows=rows))
    assert (options and [one["name"] for one in options["series"]]) == series
