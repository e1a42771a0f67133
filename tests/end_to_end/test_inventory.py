"""What is left of an environment in an AWS account, where others have things of their own."""

import json
import time
from collections.abc import Callable, Iterator

import boto3
import pytest
from types_boto3_glue.type_defs import TableInputTypeDef

from tests.support.checkout import signed_in
from tests.support.failing_aws import Failing
from tests.support.policies import policy, user
from tests.support.stack import create, delete
from tests.support.stubs import stubbed
from workshop import environment, inventory
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION, Account
from workshop.errors import WorkshopError

BUCKET, DATABASE, LOG = "personalize-data-b", "personalize_b", "/aws-glue/job-b/output"
UUID = "96d7d2a0-4c0b-9c72-8f67-1f3a4b5c6d7e"
Deploy = Callable[..., None]


@pytest.fixture(scope="module")
def account(server: Failing) -> Iterator[Account]:
    """An account that is taken for one of AWS: the inventory has to tell whose things are whose."""
    with signed_in(server) as session:
        yield Account(session, None)


@pytest.fixture
def session(account: Account) -> boto3.Session:
    return account.session


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "_PATIENCE_SECONDS", 0)


def left(account: Account, stack: str) -> list[str]:
    taken = inventory.take(account, stack)
    assert taken.unchecked == []
    return [str(item) for item in taken.left]


def table(bucket: str) -> TableInputTypeDef:
    return {"Name": "segment_logs", "StorageDescriptor": {"Location": f"s3://{bucket}/logs/"}}


@pytest.fixture
def deploy(session: boto3.Session) -> Deploy:
    """Deploy a stack whose names have a suffix, as a second copy's have."""

    def run(stack: str, suffix: str = "", **bucket: str) -> None:
        trust = {"Statement": {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}}}
        statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        name, database = f"{BUCKET}{suffix}", f"{DATABASE}{suffix}"
        owned = {"CatalogId": EMBEDDED_ACCOUNT}
        resources = {
            "Bucket": ("S3::Bucket", {"BucketName": name}, bucket),
            "BucketPolicy": (
                "S3::BucketPolicy",
                {"Bucket": name, "PolicyDocument": {"Statement": statement}},
                {"DeletionPolicy": "Retain", "DependsOn": "Bucket"},
            ),
            "Database": ("Glue::Database", owned | {"DatabaseInput": {"Name": database}}, {}),
            "Table": (
                "Glue::Table",
                owned | {"DatabaseName": database, "TableInput": table(name)},
                {"DependsOn": "Database"},
            ),
            "Log": ("Logs::LogGroup", {"LogGroupName": f"{LOG}{suffix}"}, {}),
            "Workgroup": ("Athena::WorkGroup", {"Name": f"workgroup{suffix}"}, {}),
            "Role": ("IAM::Role", {"AssumeRolePolicyDocument": trust}, {}),
        }
        typed = {
            logical: {"Type": f"AWS::{kind}", "Properties": properties, **more}
            for logical, (kind, properties, more) in resources.items()
        }
        create(session, json.dumps({"Resources": typed}), stack)

    return run


@pytest.mark.parametrize("name", ["Second", f"StackSet-Second-{UUID}"])
def test_what_a_deleted_stack_leaves_is_found_by_the_names_that_it_had(
    account: Account, session: boto3.Session, deploy: Deploy, name: str
) -> None:
    """A copy with a suffix, or a stack set's, would be said to have gone, and cost money."""
    deploy(name)
    there = left(account, "Second")
    assert {
        f"CloudFormation stack {name}",
        f"S3 bucket {BUCKET}",
        f"Glue database {DATABASE}",
        f"Glue table segment_logs in {DATABASE}",
        f"log group {LOG}",
        "Athena workgroup workgroup",
    } < set(there)
    assert any(one.startswith(f"IAM role {name[:20]}") for one in there)
    assert len(there) == 7
    assert delete(session, name) == "DELETE_COMPLETE"
    assert left(account, "Second") == []
    session.client("logs").create_log_group(logGroupName=LOG)
    assert left(account, "Second") == [f"log group {LOG}"]
    session.client("logs").delete_log_group(logGroupName=LOG)


@pytest.mark.parametrize("name", ["Third", f"StackSet-Third-{UUID}"])
def test_what_others_have_is_not_left(
    account: Account, session: boto3.Session, deploy: Deploy, name: str
) -> None:
    """The organizer would delete other people's logs, tables and copies by hand."""
    deploy(name)
    assert delete(session, name) == "DELETE_COMPLETE"
    logs, glue = session.client("logs"), session.client("glue")
    names = ["/aws-glue/jobs/output", "/aws-glue/jobs/error", f"{LOG}-2", "output", "error"]
    for group in names:
        logs.create_log_group(logGroupName=group)
    glue.create_database(DatabaseInput={"Name": "theirs"})
    glue.create_table(DatabaseName="theirs", TableInput=table(BUCKET))
    copies = [f"{name}-b", f"StackSet-Third-b-{UUID}"]
    for number, copy in enumerate(copies):
        deploy(copy, f"{number}")

    assert left(account, "Third") == []

    for copy in copies:
        assert delete(session, copy) == "DELETE_COMPLETE"
    glue.delete_database(Name="theirs")
    for group in names:
        logs.delete_log_group(logGroupName=group)


def test_another_copy_s_stack_set_is_not_taken_for_this_one(
    account: Account, deploy: Deploy
) -> None:
    """A command for the first copy would work in the second one, which others use."""
    name = f"StackSet-Fourth-b-{UUID}"
    deploy(name)
    with pytest.raises(environment.MissingError):
        environment.find(account, "Fourth")
    with pytest.raises(WorkshopError, match="not the exercise's"):  # it has no outputs
        environment.find(account, "Fourth-b")
    assert delete(account.session, name) == "DELETE_COMPLETE"


def test_names_that_another_copy_has_taken_over_are_not_left(
    account: Account, session: boto3.Session, deploy: Deploy
) -> None:
    """The living copy's bucket would be deleted by hand as the first one's leftover."""
    deploy("Former")
    assert delete(session, "Former") == "DELETE_COMPLETE"
    deploy("Successor")
    assert left(account, "Former") == []
    assert delete(session, "Successor") == "DELETE_COMPLETE"


def test_what_aws_still_shows_for_a_while_is_not_left(
    account: Account, session: boto3.Session, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 and IAM may list for some seconds what is deleted already."""
    deploy("Fading")
    assert delete(session, "Fading") == "DELETE_COMPLETE"
    logs = session.client("logs")
    logs.create_log_group(logGroupName=LOG)
    monkeypatch.setattr(inventory, "_PATIENCE_SECONDS", 60)
    monkeypatch.setattr(time, "sleep", lambda _: logs.delete_log_group(logGroupName=LOG))
    assert left(account, "Fading") == []


def test_a_bucket_of_another_region_is_not_left(session: boto3.Session, deploy: Deploy) -> None:
    """Buckets of all regions share their names: it is that of a copy that lives there."""
    deploy("Moved")
    assert delete(session, "Moved") == "DELETE_COMPLETE"
    for region, there in (("eu-west-1", []), (EMBEDDED_REGION, [f"S3 bucket {BUCKET}"])):
        with stubbed("s3", session) as (seen, stub):
            seen.__dict__["id"] = EMBEDDED_ACCOUNT  # asked of nobody
            stub.add_response("head_bucket", {"BucketRegion": region}, {"Bucket": BUCKET})
            assert left(seen, "Moved") == there


def test_what_was_kept_on_purpose_is_not_left(
    account: Account, session: boto3.Session, deploy: Deploy
) -> None:
    """`make destroy` would fail for whoever keeps the data."""
    deploy("Keeping", DeletionPolicy="Retain")
    assert delete(session, "Keeping") == "DELETE_COMPLETE"
    assert session.client("s3").head_bucket(Bucket=BUCKET)
    assert left(account, "Keeping") == []
    session.client("s3").delete_bucket(Bucket=BUCKET)


def test_what_participants_made_by_the_lesson_is_theirs(
    account: Account, session: boto3.Session, deploy: Deploy
) -> None:
    """After a lesson done by the book `make destroy` would fail."""
    deploy("Lesson")
    assert delete(session, "Lesson") == "DELETE_COMPLETE"
    glue = session.client("glue")
    glue.create_database(DatabaseInput={"Name": "default"})
    drop_table = {"Glue table default.segment_logs": "DROP TABLE default.segment_logs"}
    drop_all = drop_table | {"Glue database default": "DROP DATABASE default"}
    drop_more = {"Glue table default.more": "DROP TABLE default.more"}
    for bucket, besides, participants in (
        (BUCKET, "", drop_all),
        (BUCKET, "somebody-elses", drop_table),
        (BUCKET, BUCKET, drop_all | drop_more),
        ("somebody-elses", "", {}),
    ):
        glue.create_table(DatabaseName="default", TableInput=table(bucket))
        if besides:
            glue.create_table(DatabaseName="default", TableInput={**table(besides), "Name": "more"})
        taken = inventory.take(account, "Lesson")
        assert taken.participants == participants
        assert taken.left == []
        for name in ("segment_logs", *(["more"] if besides else [])):
            glue.delete_table(DatabaseName="default", Name=name)
    glue.delete_database(Name="default")


def test_what_may_not_be_looked_up_is_said(
    account: Account, session: boto3.Session, deploy: Deploy
) -> None:
    """A database that Lake Formation hides would end the inventory, or count as gone.

    That of the participants' own tables is nobody's business: it may be a link that is broken.
    """
    deploy("Hidden")
    assert delete(session, "Hidden") == "DELETE_COMPLETE"
    most = policy(
        {"Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["glue:GetDatabase", "glue:GetTables"], "Resource": "*"},
    )
    organizer = user(session, "organizer", most)
    taken = inventory.take(Account(organizer, None), "Hidden")
    assert taken.left == []
    (unchecked,) = taken.unchecked
    assert f"Glue database {DATABASE}" in unchecked
    with pytest.raises(WorkshopError, match="glue:GetDatabase"):
        taken.require_nothing(account)


def test_where_there_never_was_a_stack_that_is_said(account: Account) -> None:
    """In the wrong region everything would be said to have gone."""
    taken = inventory.take(account, "Nowhere")
    taken.require_nothing(account)
    assert f"no stack Nowhere in {EMBEDDED_REGION}" in taken.summary(account, "Nowhere")
