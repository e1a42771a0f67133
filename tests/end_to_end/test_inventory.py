"""What is left of an environment in an AWS account, where others have things of their own."""

import json
from collections.abc import Callable

import boto3
import pytest

from tests.support.stack import create, ended
from workshop.account import Account
from workshop.inventory import Belongings, Item, take

BUCKET, LOG = "personalize-data-b", "/aws-glue/job-b/output"
Deploy = Callable[..., None]


@pytest.fixture(scope="module")
def account(owner: boto3.Session) -> Account:
    """An account that is taken for one of AWS: the inventory has to tell whose things are whose."""
    account = Account(owner, None)
    owner.client("logs").create_log_group(logGroupName="/others")
    owner.client("s3").create_bucket(Bucket=f"personalize-data-{account.id}")
    return account


@pytest.fixture
def session(account: Account) -> boto3.Session:
    return account.session


def left(account: Account, stack: str) -> list[str]:
    return [str(item) for item in take(account, Belongings.of(account, stack))]


@pytest.fixture
def deploy(session: boto3.Session) -> Deploy:
    """Deploy a stack with a suffix in its names, as a second copy has."""

    def run(stack: str, **bucket: str) -> None:
        trust = {"Statement": {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}}}
        statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        policy = {"Bucket": BUCKET, "PolicyDocument": {"Statement": statement}}
        resources = {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": BUCKET}} | bucket,
            "BucketPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": policy,
                "DeletionPolicy": "Retain",
                "DependsOn": "Bucket",
            },
            "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": LOG}},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
        }
        create(session, json.dumps({"Resources": resources}), stack)

    return run


def delete(session: boto3.Session, stack: str) -> None:
    client = session.client("cloudformation")
    stack_id = client.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    client.delete_stack(StackName=stack)
    assert ended(session, stack_id) == "DELETE_COMPLETE"


@pytest.mark.parametrize("name", ["Second", "StackSet-Second-1f3a"])
def test_what_a_deleted_stack_leaves_is_found_by_the_names_that_it_had(
    account: Account, session: boto3.Session, deploy: Deploy, name: str
) -> None:
    """Else a copy with a suffix, or a stack set's, is said to have gone, and costs money."""
    deploy(name)
    there = left(account, "Second")
    assert f"CloudFormation stack {name}" in there
    assert {f"S3 bucket {BUCKET}", f"log group {LOG}"} < set(there)
    assert any(one.startswith(f"IAM role {name}-") for one in there)
    assert len(there) == 4
    delete(session, name)
    assert left(account, "Second") == []
    session.client("logs").create_log_group(logGroupName=LOG)
    assert left(account, "Second") == [f"log group {LOG}"]
    session.client("logs").delete_log_group(logGroupName=LOG)


def test_what_was_kept_on_purpose_is_not_left(
    account: Account, session: boto3.Session, deploy: Deploy
) -> None:
    """Else `make destroy` fails for whoever keeps the data."""
    deploy("Keeping", DeletionPolicy="Retain")
    delete(session, "Keeping")
    assert session.client("s3").head_bucket(Bucket=BUCKET)
    assert left(account, "Keeping") == []
    session.client("s3").delete_bucket(Bucket=BUCKET)


def test_where_there_never_was_a_stack_the_usual_names_are_looked_for(account: Account) -> None:
    """Else what is left after CloudFormation has forgotten the stack is never found."""
    bucket = f"personalize-data-{account.id}"
    assert take(account, Belongings.of(account, "Forgotten")) == [Item("S3 bucket", bucket)]
