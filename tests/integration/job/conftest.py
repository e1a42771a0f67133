"""What tests of the job share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
