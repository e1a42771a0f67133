"""The arguments of a run: options and pairs are united, and no misspelt name is ignored."""

from datetime import UTC, datetime
from typing import Any

import pytest
import segment_io

from workshop.errors import WorkshopError
from workshop.job_arguments import SCRIPT, job_arguments

DAY = datetime(2019, 2, 26, tzinfo=UTC)


def test_the_names_are_those_of_the_script() -> None:
    """An argument of the script that is refused here can be passed in Glue only."""
    assert {*SCRIPT} == {*segment_io.PATHS, *segment_io.OPTIONAL}


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        ([], {}, {}),
        (["--START_DATE", "2019-02-26"], {}, {"--START_DATE": "2019-02-26"}),
        (["--conf=a=b"], {}, {"--conf": "a=b"}),
        ([], {"start_date": DAY, "end_date": None}, {"--START_DATE": "2019-02-26"}),
        (
            ["--extra-jars", "a"],
            {"events": "A,B"},
            {"--extra-jars": "a", "--SUPPORTED_EVENTS": "A,B"},
        ),
        ([], {"max_rows_per_file": 7}, {"--MAX_ROWS_PER_FILE": "7"}),
        (["--MINE", "x"], {}, {"--MINE": "x"}),
    ],
)
def test_options_and_pairs_are_united(
    words: list[str], options: dict[str, Any], expected: dict[str, str]
) -> None:
    """Glue's form and that of the command line can be mixed."""
    assert job_arguments(words, ["--MINE"], **options) == expected


@pytest.mark.parametrize(
    ("words", "options", "named", "step"),
    [
        (["--START_DAY", "x"], {}, "--START_DAY", "--start-date"),
        (["--start-dat", "x"], {}, "--start-dat", "--start-date"),
        (["--timeot", "9"], {}, "--timeot", "--timeout"),
        (["--enable-metric", "x"], {}, "--enable-metric", "--enable-metrics"),
        (["--START_DATE"], {}, "--START_DATE has no value", "--NAME VALUE"),
        (["START_DATE", "x"], {}, "START_DATE", "--NAME VALUE"),
        (["--START_DATE", "x"], {"start_date": DAY}, "--start-date", "only one"),
    ],
)
def test_what_is_not_an_argument_is_refused(
    words: list[str], options: dict[str, Any], named: str, step: str
) -> None:
    """A run with a misspelt first day reads all days, and replaces the CSV."""
    with pytest.raises(WorkshopError) as error:
        job_arguments(words, **options)
    assert named in error.value.message
    assert step in error.value.next_step
