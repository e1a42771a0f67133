"""What a run moves to the output folder: the CSV, and nothing else that a committer has left."""

import contextlib
import io
from typing import Any

import pytest
import segment_io
from pyspark.sql import SparkSession

from tests.support.script_arguments import arguments


def run(spark: SparkSession, folder: Any, **options: str) -> segment_io.Run:
    """A run of segment_io by itself, in a folder."""
    del spark  # it runs
    return segment_io.Run(arguments(folder, **options))


def test_only_data_is_published(spark: SparkSession, tmp_path: Any) -> None:
    """Personalize imports whatever lies in the folder: a committer's marks must not."""
    staging = tmp_path / "out-staging" / "run"
    (staging / "__magic_job-1").mkdir(parents=True)
    (staging / "_SUCCESS").write_text("{}", encoding="utf-8")
    (staging / "part-00000.csv").write_text("USER_ID\n", encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()), run(spark, tmp_path) as this_run:
        this_run.publish(str(staging))
    (published,) = (tmp_path / "out").iterdir()
    assert published.name.endswith("-part-r-00000.csv")
    assert published.read_text(encoding="utf-8") == "USER_ID\n"


def test_nothing_to_publish_is_an_error_and_the_csv_stays(
    spark: SparkSession,
    tmp_path: Any,
) -> None:
    """A committer that left no data must not remove the CSV of the run before."""
    staging, before = tmp_path / "out-staging" / "run", tmp_path / "out" / "run-1-part-r-00000.csv"
    (staging / "__magic_job-1").mkdir(parents=True)
    before.parent.mkdir()
    before.write_text("before", encoding="utf-8")
    with (
        contextlib.redirect_stdout(io.StringIO()),
        pytest.raises(OSError, match="could not move 0 files"),
        run(spark, tmp_path) as this_run,
    ):
        this_run.publish(str(staging))
    assert before.read_text(encoding="utf-8") == "before"
