"""What `workshop personalize` makes of what Personalize says."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stacks.outputs import PERSONALIZE_ROLE
from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError
from workshop.personalize import importing, removal
from workshop.personalize.importing import Csv
from workshop.personalize.state import ACTIVE, Found, ImportJob, Part, Personalize
from workshop.steps import Steps

ONE, RUN = "111122223333", 1_795_743_000_000
CSV = Csv(RUN, 1_000_000, ("USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP"), "s3://b/transformed/")
ENVIRONMENT = Environment("Stack", "arn", "CREATE_COMPLETE", {PERSONALIZE_ROLE: "role"})
NOTHING = object()


def job(status: str, csv: int = RUN, mode: str = "FULL") -> ImportJob:
    return ImportJob("import job", "name", "arn", status, mode=mode, csv=csv)


class Saying(Personalize):
    """Personalize that says what it is told to, one answer after the other."""

    def __init__(self, **answers: Any) -> None:
        account = Account(boto3.Session(ONE, "secret", region_name="us-east-1"), None)
        account.__dict__["id"] = ONE
        super().__init__(account, "segment-personalize")
        self.pause = 0.0
        self.client = self
        self.called: list[str] = []
        self._answers = {name: list(answer) for name, answer in answers.items()}

    def __getattr__(self, name: str) -> Any:
        answers = self.__dict__.get("_answers", {}).get(name, [])

        def call(**_: object) -> Any:
            self.called.append(name)
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if answer is NOTHING:
                raise refusal("ResourceNotFoundException")
            if isinstance(answer, Exception):
                raise answer
            return answer

        if not answers:
            raise AttributeError(name)
        return call


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"because of {code}"}}, "Operation")


def said(kind: str, status: str, **more: Any) -> dict[str, Any]:
    """An answer of a Describe operation."""
    schema = {"schemaArn": f"arn:aws:personalize:us-east-1:{ONE}:schema/segment-personalize"}
    return {kind: {"name": "segment-personalize", "status": status, **schema, **more}}


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ([], False),
        ([job(ACTIVE)], True),
        ([job("CREATE IN_PROGRESS")], True),
        ([job("CREATE FAILED")], False),
        ([job("CREATE FAILED"), job(ACTIVE)], True),
        ([job(ACTIVE, csv=RUN - 1)], False),
        ([job(ACTIVE, csv=0), job(ACTIVE)], False),
        ([job("CREATE PENDING", csv=RUN - 1), job(ACTIVE)], False),
        ([job(ACTIVE, csv=RUN + 1, mode="INCREMENTAL"), job(ACTIVE)], True),
    ],
)
def test_a_csv_is_imported_unless_another_one_replaced_it(
    imports: list[ImportJob], *, expected: bool
) -> None:
    """A second import would cost, or the one of a newer CSV would be left out."""
    assert (Found(imports=imports).import_of(RUN) is not None) is expected


@pytest.mark.parametrize(
    ("name", "csv"),
    [
        (f"segment-personalize-run-{RUN}-1795744000", RUN),
        (f"segment-personalize-b-run-{RUN}-1", RUN),
        ("first-import", 0),
        ("segment-personalize-run-soon-1", 0),
    ],
)
def test_the_name_of_an_import_says_of_which_csv_it_is(name: str, csv: int) -> None:
    """`status` would say that a CSV waits which is imported, or that somebody's own import is."""
    found = {"jobName": name, "datasetImportJobArn": "arn", "status": ACTIVE}
    found |= {"creationDateTime": datetime(2026, 11, 27, tzinfo=UTC)}  # type: ignore[dict-item]
    saying = Saying(describe_dataset_import_job=[{"datasetImportJob": found}])
    read = saying.import_job("arn")
    assert read
    assert read.csv == csv


@pytest.mark.parametrize(
    ("size", "text"),
    [(1, "less than $0.01 for 0.0 MB"), (5 * 10**9, "about $0.25"), (10**11, "about $5.00")],
)
def test_the_cost_is_said_in_dollars(size: int, text: str) -> None:
    """Nobody multiplies when asked."""
    assert text in Csv(RUN, size, (), "").cost()


GONE = [NOTHING]
MADE = {"describe_schema": [{"schema": {"name": "segment-personalize"}}]}
OTHER_SCHEMA = said("dataset", ACTIVE, schemaArn="a:schema/other")
FAILED = said("datasetGroup", "CREATE FAILED", failureReason="KMS")
DELETED = said("datasetGroup", "DELETE PENDING")
QUOTA, INVALID = refusal("LimitExceededException"), refusal("InvalidInputException")
WITH_GROUP = MADE | {"describe_dataset_group": [said("datasetGroup", ACTIVE)]}


@pytest.mark.parametrize(
    ("answers", "message", "advice"),
    [
        (MADE | {"describe_dataset_group": [FAILED]}, "KMS", "personalize teardown"),
        (MADE | {"describe_dataset_group": [DELETED]}, "DELETE PENDING", "Wait"),
        (
            MADE | {"describe_dataset_group": GONE, "create_dataset_group": [QUOTA]},
            "because of Limit",
            "quota",
        ),
        (
            WITH_GROUP | {"describe_dataset": GONE, "create_dataset": [INVALID]},
            "because of Invalid",
            "personalize import",
        ),
        (
            WITH_GROUP | {"describe_dataset": [OTHER_SCHEMA]},
            "the schema other",
            "personalize teardown",
        ),
    ],
    ids=["failed", "being deleted", "a quota", "an invalid request", "another schema"],
)
def test_what_stops_an_import_has_a_next_step(
    answers: dict[str, Any], message: str, advice: str
) -> None:
    """Personalize's own words do not say what to type next."""
    with pytest.raises(WorkshopError, match=message) as error:
        importing.run(Saying(**answers), ENVIRONMENT, CSV, Steps())
    assert advice in error.value.next_step


def test_what_somebody_makes_at_the_same_time_is_used() -> None:
    """Two people who begin together would stop each other."""
    group = [NOTHING, said("datasetGroup", "CREATE PENDING"), said("datasetGroup", ACTIVE)]
    saying = Saying(
        **MADE,
        describe_dataset_group=group,
        create_dataset_group=[refusal("ResourceAlreadyExistsException")],
        describe_dataset=[OTHER_SCHEMA],
    )
    with pytest.raises(WorkshopError, match="the schema other"):
        importing.run(saying, ENVIRONMENT, CSV, Steps())
    assert saying.called.count("describe_dataset_group") == 3


def test_a_right_that_is_missing_is_not_a_refusal_of_personalizes() -> None:
    """The advice would be to correct a request that is right."""
    denied = refusal("AccessDeniedException")
    with pytest.raises(ClientError):
        importing.run(
            Saying(describe_schema=GONE, create_schema=[denied]), ENVIRONMENT, CSV, Steps()
        )


def test_what_cannot_be_deleted_is_said() -> None:
    """It would be waited for without end."""
    saying = Saying(
        describe_schema=GONE,
        describe_dataset_group=[
            said("datasetGroup", ACTIVE),
            DELETED,
            said("datasetGroup", "DELETE FAILED", failureReason="locked"),
        ],
        describe_dataset=GONE,
        delete_dataset_group=[{}],
    )
    group = Part("dataset group", "segment-personalize", saying.group_arn, ACTIVE)
    with pytest.raises(WorkshopError, match="locked"):
        removal.run(saying, Found(group=group), Steps())
    assert saying.called.count("delete_dataset_group") == 1
