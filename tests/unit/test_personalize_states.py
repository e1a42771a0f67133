"""The states through which what the embedded Personalize has comes and goes."""

from concurrent.futures import Future

import pytest

from embedded_aws.personalize.model import KINDS
from embedded_aws.personalize.states import Life

PENDING, IN_PROGRESS, FAILED = "CREATE PENDING", "CREATE IN_PROGRESS", "CREATE FAILED"
MADE = 1_000.0


def life(noun: str, result: str | None = "", deleted: float | None = None) -> Life:
    """A life of stages of two seconds; its work has not ended where there is no result."""
    kind = KINDS[noun]
    work = Future[str]()
    if result is not None:
        work.set_result(result)
    deletes = None if deleted is None else MADE + deleted
    return Life(MADE, 2, kind.creation, kind.deletion, work, deletes)


@pytest.mark.parametrize(
    ("noun", "seconds", "result", "expected"),
    [
        ("Dataset", 0, "", PENDING),
        ("Dataset", 1.9, "", PENDING),
        ("Dataset", 2, "", IN_PROGRESS),
        ("Dataset", 4, "", "ACTIVE"),
        ("DatasetImportJob", 1, "too few", PENDING),
        ("DatasetImportJob", 3, "too few", IN_PROGRESS),
        ("DatasetImportJob", 4, "too few", FAILED),
        ("DatasetImportJob", 99, None, IN_PROGRESS),
        ("Schema", 0, "", "ACTIVE"),
    ],
)
def test_a_creation_takes_its_states(
    noun: str, seconds: float, result: str | None, expected: str
) -> None:
    """An import that is not waited for would go through here, and be refused on AWS."""
    assert life(noun, result).status(MADE + seconds) == expected


@pytest.mark.parametrize(
    ("noun", "seconds", "expected"),
    [
        ("Dataset", 0, "DELETE PENDING"),
        ("Dataset", 2, "DELETE IN_PROGRESS"),
        ("Dataset", 4, ""),
        ("DatasetGroup", 1, "DELETE PENDING"),
        ("DatasetGroup", 2, ""),
        ("Schema", 0, ""),
    ],
)
def test_a_deletion_takes_its_states(noun: str, seconds: float, expected: str) -> None:
    """A teardown that does not wait would be refused at its next step on AWS."""
    assert life(noun, deleted=50).status(MADE + 50 + seconds) == expected


def test_the_time_of_the_last_change_is_that_of_the_state() -> None:
    """Who polls for changes would see none."""
    dataset = life("Dataset")
    assert [dataset.changed(MADE + s) for s in (1, 3, 99)] == [MADE, MADE + 2, MADE + 4]
    assert life("Dataset", deleted=50).changed(MADE + 51) == MADE + 50
