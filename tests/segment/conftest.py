"""A shell, and Segment, for the tests of what is sent to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import tracking_api
from tests.support.shell import EMAIL, KEYS, Shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell whose output may show anything but a secret."""
    folder = tmp_path / "here"
    folder.mkdir()
    here = Shell(folder)
    yield here
    assert "5up3r53cr3t" not in "".join(here.printed)


@pytest.fixture
def segment() -> Iterator[tracking_api.TrackingApi]:
    """Segment, for these keys."""
    with tracking_api.serve(KEYS | EMAIL) as api:
        yield api
