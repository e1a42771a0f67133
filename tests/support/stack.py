"""The event template's stack on the embedded AWS, as an event platform makes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from release.event_template import body
from stacks import outputs
from stacks.bucket_contents.construct import compressed, source
from tests.support.templates import event_template
from tests.support.waiting import until

STACK = "Event"
DEFAULT_VOLUME = "log_files(datetime.now(UTC).date()"
# Of the sample logs, where nothing depends on how many there are.
LITTLE = ", 3, 2000"


def event_body(volume: str = "") -> str:
    """The event template's text.

    Args:
        volume: the days and the number of events of its sample logs, like LITTLE.
    """
    return with_volume(body(event_template()).decode(), volume)


def with_volume(template: str, volume: str) -> str:
    """A template's text with other sample logs; that of an earlier template as well."""
    code = source()
    assert f"{DEFAULT_VOLUME})" in code
    smaller = code.replace(DEFAULT_VOLUME, f"{DEFAULT_VOLUME}{volume}")
    template = template.replace(DEFAULT_VOLUME, f"{DEFAULT_VOLUME}{volume}")
    return template.replace(json.dumps(compressed(code)), json.dumps(compressed(smaller)))


def create(owner: boto3.Session, template: str, stack: str = STACK, **parameters: str) -> None:
    """Create a stack, and wait until it is complete."""
    assert created(owner, template, stack, parameters) == "CREATE_COMPLETE"


def created(
    owner: boto3.Session, template: str, stack: str, parameters: dict[str, str], **request: str
) -> str:
    """Create a stack and return the status that it ends in."""
    cloudformation: Any = owner.client("cloudformation")
    stack_id = cloudformation.create_stack(
        StackName=stack,
        TemplateBody=template,
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
        **request,
    )["StackId"]
    return ended(owner, stack_id)


@contextmanager
def bare_environment(owner: boto3.Session, stack: str, bucket: str) -> Iterator[None]:
    """A stack that is found as the exercise's, and has nothing but its bucket."""
    names = (outputs.BUCKET, outputs.DATABASE, outputs.JOB, outputs.WORKGROUP)
    properties = {"BucketName": bucket}
    template = {
        "Resources": {"Data": {"Type": "AWS::S3::Bucket", "Properties": properties}},
        "Outputs": {name: {"Value": bucket} for name in names},
    }
    create(owner, json.dumps(template), stack)
    try:
        yield
    finally:
        owner.resource("s3").Bucket(bucket).objects.all().delete()
        assert delete(owner, stack) == "DELETE_COMPLETE"


def update(owner: boto3.Session, template: str, stack: str = STACK, **parameters: str) -> str:
    """Update a stack and return the status that it ends in; parameters stay or are given."""
    cloudformation: Any = owner.client("cloudformation")
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    names = {one["ParameterKey"] for one in found.get("Parameters", [])}
    kept = [{"ParameterKey": n, "UsePreviousValue": True} for n in names - parameters.keys()]
    given = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
    stack_id = cloudformation.update_stack(
        StackName=stack,
        TemplateBody=template,
        Parameters=kept + given,
        Capabilities=["CAPABILITY_IAM"],
    )["StackId"]
    return ended(owner, stack_id)


def delete(owner: boto3.Session, stack: str = STACK) -> str:
    """Delete a stack and return the status that it ends in."""
    cloudformation = owner.client("cloudformation")
    stack_id = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=stack)
    return ended(owner, stack_id)


def ended(owner: boto3.Session, stack_id: str) -> str:
    """Wait for the end of what is done to a stack; return the status."""
    cloudformation = owner.client("cloudformation")

    def look() -> str | None:
        (stack,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack["StackStatus"]

    return until(look)
