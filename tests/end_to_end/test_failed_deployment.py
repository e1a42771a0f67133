"""A deployment that fails before there is any resource says why, wherever one looks."""

import json
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from tests.support.failing_aws import Failing
from tests.support.stubs import stubbed
from workshop import cloudformation, deployment, environment
from workshop.account import Account
from workshop.cloudformation import Template
from workshop.deployment import BOOTSTRAP_STACK
from workshop.errors import WorkshopError

TAKEN = "personalize-data-taken"
WARNING = {
    "OperationId": "2",
    "ValidationStatusReason": "no versions",
    "ValidationFailureMode": "WARN",
}
STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/One/96d7d2a0"


@pytest.fixture(scope="module")
def account(server: Failing, owner: boto3.Session) -> Account:
    """An account of the embedded AWS in which a bucket's name is taken."""
    owner.client("s3").create_bucket(Bucket=TAKEN)
    return Account(owner, server.endpoint)


@pytest.fixture
def template() -> Callable[..., Template]:
    """A template whose bucket's name ends in its suffix."""
    parameters = {"BucketSuffix": {"Type": "String", "Default": ""}}
    name = {"Fn::Sub": "personalize-data-${BucketSuffix}"}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}
    text = json.dumps({"Parameters": parameters, "Resources": {"DataBucket": bucket}})

    def given(**values: str) -> Template:
        return Template(text, values, frozenset(parameters))

    return given


def silent(_: str) -> None:
    """Show no progress."""


def test_a_name_that_is_taken_is_the_reason_everywhere(
    account: Account, template: Callable[..., Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`The stack is ROLLBACK_COMPLETE: ` and nothing more tells nobody what to correct."""
    given = template(BucketSuffix="taken")
    with pytest.raises(WorkshopError, match="DataBucket") as in_a_fleet:
        cloudformation.deploy(account, "Failed", given, silent)
    with pytest.raises(WorkshopError, match="DataBucket") as by_status:
        environment.find(account, "Failed")

    def cdk(*_: object, **__: object) -> None:
        cloudformation.destroy(account, "Failed", silent)
        with pytest.raises(WorkshopError):
            cloudformation.deploy(account, "Failed", given, silent)
        raise WorkshopError("cdk deploy failed", "The whole output is in build/cdk.log")

    monkeypatch.setattr(deployment, "_cdk", cdk)
    with pytest.raises(WorkshopError, match="DataBucket") as by_up:
        deployment.deploy(account, "Failed", [], silent)
    for caught in (in_a_fleet, by_status, by_up):
        assert "already exists" in caught.value.message
        assert "ROLLBACK_COMPLETE" in caught.value.message
    cloudformation.destroy(account, "Failed", silent)


def test_what_fails_before_cloudformation_is_not_blamed_on_it(
    account: Account, template: Callable[..., Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older failure of the stack would be shown for the CDK's own."""
    with pytest.raises(WorkshopError):
        cloudformation.deploy(account, "Older", template(BucketSuffix="taken"), silent)

    def cdk(*_: object, **__: object) -> None:
        raise WorkshopError("cdk deploy failed", "The whole output is in build/cdk.log")

    monkeypatch.setattr(deployment, "_cdk", cdk)
    with pytest.raises(WorkshopError) as caught:
        deployment.deploy(account, "Older", [], silent)
    assert caught.value.message == "cdk deploy failed"
    cloudformation.destroy(account, "Older", silent)


@pytest.mark.parametrize(
    ("change_sets", "events", "reason"),
    [
        ([], None, "not executed"),
        (
            [{"Status": "FAILED", "ChangeSetId": "set", "StatusReason": "hooks failed"}],
            [{"OperationId": "1", "HookStatusReason": "no bucket without a key"}],
            "no bucket without a key",
        ),
        (
            [{"Status": "FAILED", "ChangeSetId": "set", "StatusReason": "validation failed"}],
            [
                WARNING,
                {
                    "OperationId": "2",
                    "LogicalResourceId": "DataBucket",
                    "ValidationStatusReason": "the name is taken",
                    "ValidationFailureMode": "FAIL",
                },
                {"OperationId": "1", "ValidationStatusReason": "an older one"},
            ],
            "DataBucket: the name is taken",
        ),
        (
            [{"Status": "FAILED", "ChangeSetId": "set", "StatusReason": "no permission"}],
            [],
            "no permission",
        ),
    ],
    ids=["none", "hook", "validation", "other"],
)
def test_a_change_set_that_failed_is_not_waited_for(
    change_sets: list[dict[str, str]],
    events: list[dict[str, str]] | None,
    reason: str,
) -> None:
    """The stack stays in REVIEW_IN_PROGRESS for ever: to wait for its end helps nobody."""
    stack = {
        "StackName": "One",
        "StackId": STACK_ID,
        "StackStatus": "REVIEW_IN_PROGRESS",
        "CreationTime": 0,
    }
    with stubbed("cloudformation") as (account, stubber):
        account.__dict__["id"] = "111122223333"
        stubber.add_response("describe_stacks", {"Stacks": [stack]})
        stubber.add_response("list_change_sets", {"Summaries": change_sets})
        if events is not None:
            full = {"EventId": "1", "StackId": STACK_ID}
            expected = {"ChangeSetName": "set", "Filters": {"FailedEvents": True}}
            stubber.add_response(
                "describe_events", {"OperationEvents": [full | one for one in events]}, expected
            )
        with pytest.raises(WorkshopError) as caught:
            environment.find(account, "One")
    assert caught.value.message.endswith(reason)
    assert not isinstance(caught.value, environment.InProgressError)


def test_the_suffix_of_a_stack_stays(
    account: Account, template: Callable[..., Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything would be replaced, and the data stay behind in a bucket that nobody deletes."""
    assert cloudformation.deploy(account, "One", template(BucketSuffix="b"), silent) == "created"
    monkeypatch.setattr(deployment, "_cdk", lambda *_, **__: pytest.fail("it was deployed"))
    for suffix in ("c", ""):
        with pytest.raises(WorkshopError, match="cannot become"):
            cloudformation.deploy(account, "One", template(BucketSuffix=suffix), silent)
        for options in (
            ["--parameters", f"BucketSuffix={suffix}"],
            [f"--parameters=BucketSuffix={suffix}"],
            ["--parameters", f"One:BucketSuffix={suffix}"],
        ):
            with pytest.raises(WorkshopError, match="cannot become"):
                deployment.deploy(account, "One", options, silent)
    for values in ({"BucketSuffix": "b"}, {}):
        assert cloudformation.deploy(account, "One", template(**values), silent) == "was complete"
    cloudformation.destroy(account, "One", silent)


def test_an_unusable_bootstrap_is_made_again(
    account: Account,
    template: Callable[..., Template],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The CDK would say that the account is not bootstrapped, after we said that it is."""
    monkeypatch.setattr(deployment, "BUILD", tmp_path / "build")
    called = []
    monkeypatch.setattr(
        deployment, "_cdk", lambda _, arguments, *__, **___: called.extend(arguments)
    )
    client = account.session.client("cloudformation")
    client.create_change_set(
        StackName=BOOTSTRAP_STACK,
        ChangeSetName="unfinished",
        ChangeSetType="CREATE",
        TemplateBody=template().text,
    )
    assert deployment.bootstrap(account, silent)
    assert called[0] == "bootstrap"
    client.delete_stack(StackName=BOOTSTRAP_STACK)
