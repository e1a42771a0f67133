"""The importer's policy allows what importing needs and no more; participants have none of it.

That it is enough, tests/end_to_end/test_personalize.py shows: its commands have nothing else.
"""

import json

import pytest

from tests.support import PROJECT
from tests.support.evaluation import (
    BUCKET_ARN,
    PARTICIPANT,
    Call,
    Environment,
    arn,
    decide,
    role_arn,
    unneeded,
)
from tests.support.stack import STACK
from tests.support.templates import synthesize_for_events

IMPORTER = "importer"
POLICY = PROJECT / "docs" / "personalize" / "importer-policy.json"
OURS = arn("personalize", "")
ROLE = role_arn("PersonalizeRole")
STACK_ARN = arn("cloudformation", f"stack/{STACK}/0")
TO_PERSONALIZE = {"iam:PassedToService": "personalize.amazonaws.com"}
# By the end of its ARN, what is done with each thing; lists have no resource.
IN_PERSONALIZE = {
    "schema/segment-personalize": ("CreateSchema", "DescribeSchema", "DeleteSchema"),
    "dataset-group/segment-personalize-b": (
        *("CreateDatasetGroup", "DescribeDatasetGroup", "DeleteDatasetGroup"),
    ),
    "dataset/segment-personalize/INTERACTIONS": (
        *("CreateDataset", "DescribeDataset", "DeleteDataset"),
    ),
    "dataset-import-job/segment-personalize-run-1795743000000-1795744000": (
        *("CreateDatasetImportJob", "DescribeDatasetImportJob"),
    ),
}
LISTS = ("Campaigns", "DatasetImportJobs", "Datasets", "EventTrackers", "Filters", "Recommenders")
NEEDED = [
    *(
        (f"personalize:{action}", OURS + end)
        for end, acts in IN_PERSONALIZE.items()
        for action in acts
    ),
    *((f"personalize:List{what}", "*") for what in (*LISTS, "Solutions")),
    ("cloudformation:DescribeStacks", STACK_ARN),
    ("cloudformation:DescribeStackEvents", STACK_ARN),
    ("cloudformation:ListStackResources", STACK_ARN),
    ("cloudformation:ListStacks", "*"),
    ("s3:ListBucket", BUCKET_ARN),
    ("s3:GetObject", f"{BUCKET_ARN}/transformed/run-1795743000000-part-r-00000.csv"),
]
DENIED = [
    ("personalize:DeleteDatasetGroup", f"{OURS}dataset-group/somebody-elses", {}),
    ("personalize:DeleteDataset", f"{OURS}dataset/segment-personalize/USERS", {}),
    ("personalize:DeleteSolution", f"{OURS}solution/segment-personalize", {}),
    ("personalize:CreateSolution", f"{OURS}solution/segment-personalize", {}),
    ("iam:PassRole", ROLE, {"iam:PassedToService": "glue.amazonaws.com"}),
    ("iam:PassRole", role_arn("EtlRole"), TO_PERSONALIZE),
    ("s3:GetObject", f"{BUCKET_ARN}/segment-logs/website-prod/1700000000000/1.gz", {}),
    ("s3:PutObject", f"{BUCKET_ARN}/transformed/run-1.csv", {}),
    ("s3:GetObject", f"{BUCKET_ARN}/transformed/1.csv", {"aws:ResourceAccount": "444455556666"}),
    ("cloudformation:DeleteStack", STACK_ARN, {}),
]


@pytest.fixture(scope="module")
def environment() -> Environment:
    """The synthesized policies, and the importer's beside them."""
    environment = Environment(synthesize_for_events("event"))
    environment.identity[IMPORTER] = json.loads(POLICY.read_text(encoding="utf-8"))
    return environment


def calls(principal: str) -> list[Call]:
    """What importing calls."""
    passing = Call(principal, "iam:PassRole", ROLE, TO_PERSONALIZE)
    return [passing, *(Call(principal, action, resource) for action, resource in NEEDED)]


def test_importing_needs_all_of_it(environment: Environment) -> None:
    """AWS would refuse in the middle of an import, or a right would wait for somebody to use it."""
    decisions = decide([(environment, call) for call in calls(IMPORTER)])
    refused = [str(c) for c, d in zip(calls(IMPORTER), decisions, strict=True) if not d.allowed]
    assert refused == []
    assert unneeded(environment.identity[IMPORTER], IMPORTER, decisions) == []


def test_importing_reaches_nothing_else(environment: Environment) -> None:
    """Whoever imports could delete other teams' data, or hand the job's role on."""
    denied = [Call(IMPORTER, action, resource, keys) for action, resource, keys in DENIED]
    decisions = decide([(environment, call) for call in denied])
    assert [str(c) for c, d in zip(denied, decisions, strict=True) if d.allowed] == []


def test_participants_do_not_import(environment: Environment) -> None:
    """A hundred imports would be on the organizer's bill."""
    theirs = [c for c in calls(PARTICIPANT) if c.action.startswith(("personalize:", "iam:"))]
    decisions = decide([(environment, call) for call in theirs])
    assert [str(c) for c, d in zip(theirs, decisions, strict=True) if d.allowed] == []
