"""The deployed exercise environment, as the stack's outputs describe it."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from stacks import outputs
from stacks.bucket_contents.handler import PREFIX
from workshop.account import Account
from workshop.errors import WorkshopError

DEFAULT_STACK = "SegmentPersonalizeWorkshop"
# The template's parameters.
SUFFIX, SAMPLE_DATA, EXISTING_LOGS = "BucketSuffix", "SampleData", "ExistingLogs"
SEGMENT_WORKSPACE = "SegmentWorkspaceId"
COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
# A change set of a new stack was made, and not executed: nothing is under way.
UNDER_REVIEW = "REVIEW_IN_PROGRESS"
_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")


class MissingError(WorkshopError):
    """There is no stack."""


class InProgressError(WorkshopError):
    """CloudFormation still works on the stack."""


@dataclass(frozen=True)
class Environment:
    """A deployed stack: its name, its id (an ARN), its state, outputs and parameters by name."""

    stack: str
    stack_id: str
    status: str
    outputs: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        """The data bucket's name."""
        return self.outputs[outputs.BUCKET]

    @property
    def existing_logs(self) -> bool:
        """Whether it reads logs that are not its own, and must stay as they are."""
        return bool(self.parameters.get(EXISTING_LOGS))

    @property
    def logs(self) -> str:
        """The S3 URL of the raw logs."""
        existing = self.parameters.get(EXISTING_LOGS)
        return f"{existing}/" if existing else f"s3://{self.bucket}/{PREFIX}"

    @property
    def sample_data(self) -> bool:
        """Whether sample logs were asked for, as the template's `HasSampleData` has it."""
        real = self.existing_logs or self.parameters.get(SEGMENT_WORKSPACE)
        return (self.parameters.get(SAMPLE_DATA) or ("no" if real else "yes")) == "yes"

    @property
    def database(self) -> str:
        """The Glue database's name."""
        return self.outputs[outputs.DATABASE]

    @property
    def job(self) -> str:
        """The Glue job's name."""
        return self.outputs[outputs.JOB]

    @property
    def workgroup(self) -> str:
        """The Athena workgroup's name."""
        return self.outputs[outputs.WORKGROUP]


def find(account: Account, stack: str = DEFAULT_STACK, deploy: str = "") -> Environment:
    """Find the deployed stack.

    Args:
        account: where to look.
        stack: its name, or that of the stack set which made it.
        deploy: the command that an error advises; by default the one for a single account.

    Raises:
        MissingError: there is no such stack.
        InProgressError: something is under way in it.
        WorkshopError: it failed, and the message names the first resource that did and why; or it
            is another stack.
    """
    deploy = deploy or ("make up" if account.embedded else "make deploy")
    account.check_reachable()
    found = describe(account, stack) or _of_stack_set(account, stack)
    if not found:
        there = deployed(account)
        raise MissingError(
            f"The stack {stack} is not deployed on {account}."
            + "".join(f" Deployed there: {name}." for name in there),
            f"Use what is deployed: --stack {there[0]}; or deploy {stack}: {deploy}"
            if there
            else deploy,
        )
    status = found["StackStatus"]
    if status.endswith("_IN_PROGRESS") and status != UNDER_REVIEW:
        raise InProgressError(
            f"The stack {stack} on {account} is {status}.",
            "Wait until it has finished, then run this again",
        )
    if status not in COMPLETE:
        raise WorkshopError(
            f"The stack {stack} on {account} is {status}: {failure(account, found)}",
            f"Fix the cause, then deploy it again: {deploy}",
        )
    values = {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}
    needed = {outputs.BUCKET, outputs.DATABASE, outputs.JOB, outputs.WORKGROUP}
    if missing := needed - values.keys():
        raise WorkshopError(
            f"The stack {stack} on {account} is not the exercise's: it has no output "
            f"{', '.join(sorted(missing))}.",
            f"Use the name that it was deployed with: --stack {DEFAULT_STACK}",
        )
    return Environment(found["StackName"], found["StackId"], status, values, _parameters(found))


def bucket_and_key(url: str) -> tuple[str, str]:
    """The bucket and the key, or the prefix, of an S3 URL; both empty where it is none."""
    found = _S3.fullmatch(url)
    return (found[1], found[2] or "") if found else ("", "")


def _parameters(stack: Mapping[str, Any]) -> dict[str, str]:
    return {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])}


def deployed(account: Account) -> list[str]:
    """The names of the exercise's stacks that are deployed."""
    pages = account.session.client("cloudformation").get_paginator("describe_stacks").paginate()
    return [
        stack["StackName"]
        for page in pages
        for stack in page["Stacks"]
        if any(output["OutputKey"] == outputs.WORKGROUP for output in stack.get("Outputs", []))
    ]


def resources(account: Account, environment: Environment) -> dict[str, dict[str, str]]:
    """What the stack made: by its type, the logical id of each physical id."""
    pages = account.session.client("cloudformation").get_paginator("list_stack_resources")
    made = defaultdict[str, dict[str, str]](dict)
    for page in pages.paginate(StackName=environment.stack_id):
        for one in page["StackResourceSummaries"]:
            if not one["ResourceStatus"].startswith("DELETE_"):
                made[one["ResourceType"]][one["PhysicalResourceId"]] = one["LogicalResourceId"]
    return made


def describe(account: Account, stack: str) -> dict[str, Any] | None:
    """The stack of this name or id, as DescribeStacks has it; None where there is none."""
    try:
        found = account.session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None
    return dict(found[0])


def _of_stack_set(account: Account, name: str) -> dict[str, Any] | None:
    """The stack that CloudFormation StackSets has made of the set of this name."""
    stacks = account.session.client("cloudformation").get_paginator("describe_stacks").paginate()
    names = re.compile(stack_set_names(name))
    found = (one for page in stacks for one in page["Stacks"])
    return next((dict(one) for one in found if names.fullmatch(one["StackName"])), None)


def stack_set_names(name: str) -> str:
    """A pattern for the names of the stacks that StackSets makes of the set of this name.

    The set of another copy, whose name begins alike, has other ones.
    """
    return f"StackSet-{re.escape(name)}-{_UUID}"


def failure(account: Account, stack: Mapping[str, Any]) -> str:
    """Say at which resource the stack's last operation failed first, and why.

    CloudFormation refuses a name that is taken before there is an event of any resource; then the
    reason is in the operation's own events, or in those of the change set.

    Args:
        account: where it is.
        stack: as DescribeStacks has it.
    """
    client = account.session.client("cloudformation")
    reason = stack.get("StackStatusReason", "no reason given")
    if stack["StackStatus"] == UNDER_REVIEW:
        made = client.list_change_sets(StackName=stack["StackId"])["Summaries"]
        failed = [one for one in made if one["Status"] == "FAILED"]
        if not failed:
            return "its change set was not executed"
        refused = _refusals(client, ChangeSetName=failed[-1]["ChangeSetId"])
        return refused or str(failed[-1].get("StatusReason", reason))
    return _first_failure(client, stack) or _refusals(client, StackName=stack["StackId"]) or reason


def _first_failure(client: Any, stack: Mapping[str, Any]) -> str:  # noqa: ANN401 - boto3's own
    """The resource that failed first in the stack's last operation, and why; empty if none did."""
    first = ""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack["StackId"]):
        for event in page["StackEvents"]:  # newest first
            status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
            if event["PhysicalResourceId"] == stack["StackId"]:
                if status in _BEGINNINGS:
                    return first
            elif status.endswith("_FAILED") and "cancelled" not in reason:
                first = f"{event['LogicalResourceId']}: {reason}"
    return first


def _refusals(client: Any, **target: str) -> str:  # noqa: ANN401 - boto3's own
    """What CloudFormation refused in the last operation before it began; empty if nothing."""
    try:
        answer = client.describe_events(**target, Filters={"FailedEvents": True})
    except ClientError:  # a role may be without the right; the stack's own reason must do then
        return ""
    events = answer["OperationEvents"]
    return "; ".join(
        f"{event.get('LogicalResourceId', 'the template')}: {reason}"
        for event in events
        if event.get("OperationId") == events[0].get("OperationId")  # newest first
        for reason in [event.get("ValidationStatusReason") or event.get("HookStatusReason")]
        if reason and event.get("ValidationFailureMode", "FAIL") == "FAIL"
    )


def require_same_suffix(stack: Mapping[str, Any] | None, parameters: Mapping[str, str]) -> None:
    """Refuse to change the suffix of a deployed stack.

    Args:
        stack: as DescribeStacks has it; None where there is none.
        parameters: those that are given for the next deployment.

    Raises:
        WorkshopError: another suffix is given: all names would change, and no data would follow.
    """
    given = parameters.get(SUFFIX)
    if stack is None or given is None or stack["StackStatus"] not in COMPLETE:
        return  # what failed is deleted, and made again
    values = _parameters(stack)
    if given != values.get(SUFFIX, ""):
        raise WorkshopError(
            f"The stack {stack['StackName']} has the {SUFFIX} {values.get(SUFFIX, '')!r}, which "
            f"cannot become {given!r}: all its data would be left behind in the old bucket.",
            "A suffix is for a new stack: choose another name for it (--stack)",
        )
