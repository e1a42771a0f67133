"""A CSV is checked wherever it is: the folder, or the place that is neither."""

from pathlib import Path

import pytest

from tests.unit.test_verification import GOOD
from workshop.account import Account
from workshop.csv_files import of_place
from workshop.errors import WorkshopError
from workshop.verification import verify_files

DAY = "2026-11-26"


def nobody() -> Account:
    raise AssertionError


def broken(folder: Path) -> dict[str, str]:
    """The rules that do not hold in a folder of this machine, for which nobody signs in."""
    checks, _ = verify_files(of_place(str(folder), nobody))
    return {check.rule: check.found for check in checks if not check.passed}


def test_a_folder_is_checked_as_the_bucket_is(tmp_path: Path) -> None:
    """What `transform` wrote could be checked only after it was uploaded."""
    assert broken(tmp_path)["Files"] == "0 CSV, 0 bytes"
    (tmp_path / "run-1-part-r-00000.csv").write_text(GOOD)
    assert broken(tmp_path) == {}
    (tmp_path / DAY).mkdir()
    (tmp_path / DAY / "run-2-part-r-00000.csv").write_text("not looked at here")
    assert broken(tmp_path) == {}
    assert "Header" in broken(tmp_path / DAY)
    for name in ("_SUCCESS", f"{DAY}/_SUCCESS", "mine.txt"):
        (tmp_path / name).touch()
    assert broken(tmp_path) == {"No stray files": f"{DAY}/_SUCCESS, _SUCCESS, mine.txt"}


@pytest.mark.parametrize("place", ["nowhere", __file__, "s3:/bucket/x", "s3://", "s3://B_/x"])
def test_a_place_that_cannot_be_read_is_named(place: str) -> None:
    """A misspelt folder would be an empty one, with advice about the job."""
    with pytest.raises(WorkshopError) as error:
        of_place(place, nobody)
    assert place in error.value.message
