"""What tests of the job share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from embedded_aws.spark import QUICK_START
from tests.support.live_job import Folders, LiveJob


@pytest.fixture(scope="session")
def live_job() -> Iterator[LiveJob]:
    """Spark, started once for all tests of a process."""
    with LiveJob() as job:
        yield job


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Empty folders for a job."""
    return Folders(tmp_path)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A small Spark that listens on loopback only."""
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings: dict[str, bool | float | int | str | None] = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": QUICK_START,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
    }
    builder = SparkSession.Builder().master("local[1]").config(map=settings)
    session = builder.getOrCreate()
    yield session
    session.stop()
