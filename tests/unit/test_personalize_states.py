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
    ("life", "seconds", "status"),
    [
        (life("Dataset"), 0, PENDING),
        (life("Dataset"), 1.9, PENDING),
        (life("Dataset"), 2, IN_PROGRESS),
        (life("Dataset"), 4, "ACTIVE"),
        (life("DatasetImportJob", "too few"), 1, PENDING),
        (life("DatasetImportJob", "too few"), 3, IN_PROGRESS),
        (life("DatasetImportJob", "too few"), 4, FAILED),
        (life("DatasetImportJob", None), 99, IN_PROGRESS),
        (life("Schema"), 0, "ACTIVE"),
        (life("Dataset", deleted=50), 50, "DELETE PENDING"),
        (life("Dataset", deleted=50), 52, "DELETE IN_PROGRESS"),
        (life("Dataset", deleted=50), 54, ""),
        (life("DatasetGroup", deleted=50), 51, "DELETE PENDING"),
        (life("DatasetGroup", deleted=50), 52, ""),
        (life("Schema", deleted=50), 50, ""),
    ],
)
def test_it_takes_its_states(life: Life, seconds: float, status: str) -> None:
    """An import or a teardown that does not wait works here, and would be refused on AWS."""
    assert life.status(MADE + seconds) == status


def test_the_time_of_the_last_change_is_that_of_the_state() -> None:
    """Who polls for changes would see none."""
    dataset = life("Dataset")
    assert [dataset.changed(MADE + s) for s in (1, 3, 99)] == [MADE, MADE + 2, MADE + 4]
    assert life("Dataset", deleted=50).changed(MADE + 51) == MADE + 50
