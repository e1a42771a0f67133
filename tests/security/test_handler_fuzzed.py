"""Whatever event the Lambda is sent: it answers CloudFormation, and knows one bucket only."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from stacks.bucket_contents import handler
from stacks.bucket_contents.simulated_shop import log_files

OWN, OTHER = "personalize-data-of-the-stack", "personalize-data-of-somebody"
ANSWER_LIMIT_BYTES = 4096  # CloudFormation's, for the body of an answer
Event = dict[str, Any]

words = st.sampled_from(
    [OTHER, f"s3://{OTHER}/x", f"{OTHER}/contents", f"arn:aws:s3:::{OTHER}", "../x", "\ud800", ""]
)
texts = words | st.text(max_size=40)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
properties = (
    st.fixed_dictionaries(
        {},
        optional={
            "Objects": st.dictionaries(texts, texts | anything, max_size=3) | anything,
            "Packed": st.dictionaries(texts, texts | anything, max_size=3) | anything,
            "Bucket": words,
            "BucketName": words,
            "Prefix": words,
            "ServiceToken": texts,
        },
    )
    | anything
)
identifiers = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=255)
events = st.fixed_dictionaries(
    {},
    optional={
        "RequestType": st.sampled_from(["Create", "Update", "Delete"]) | anything,
        "ResourceProperties": properties,
        "OldResourceProperties": properties,
        "PhysicalResourceId": identifiers | words | st.none(),
        "StackId": identifiers,
        "RequestId": identifiers,
        "LogicalResourceId": identifiers,
        "BUCKET": words,
    },
)


class Cloud:
    """The bucket of the stack, somebody's, CloudFormation's ear, and every request to S3."""

    def __init__(self, owner: boto3.Session, ear: HTTPServer) -> None:
        self.ear = ear
        ear.expect_request("/", method="PUT").respond_with_data("")
        self.s3 = owner.client("s3")
        self.requested: list[str] = []
        for bucket in (OWN, OTHER):
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_object(Bucket=bucket, Key="precious", Body=b"x")

    def note(self, request: Any, **_: object) -> None:
        self.requested.append(urlsplit(request.url).path)

    def send(self, event: Event) -> Event:
        """Send an event; return the one answer to it."""
        self.ear.clear_log()
        handler.handler({**event, "ResponseURL": self.ear.url_for("/")}, None)
        ((request, _),) = self.ear.log
        answer = request.get_data()
        assert len(answer) <= ANSWER_LIMIT_BYTES
        found: Event = json.loads(answer)
        return found


@pytest.fixture(scope="module")
def cloud(owner: boto3.Session) -> Iterator[Cloud]:
    """The handler's code as it is in the account, its sample data a little smaller."""
    with HTTPServer(host="127.0.0.1") as ear, pytest.MonkeyPatch.context() as patch:
        cloud = Cloud(owner, ear)
        owner.events.register("before-send.s3", cloud.note)
        patch.setattr(boto3, "DEFAULT_SESSION", owner)  # what the handler calls S3 by
        patch.setattr(handler, "BUCKET", OWN)
        patch.setattr(handler, "log_files", partial(log_files, days=1, events=20))
        yield cloud


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(
    {
        "RequestType": "Delete",
        "ResourceProperties": dict.fromkeys(("Bucket", "BUCKET", "BucketName"), OTHER),
    }
)
@example({"RequestType": "Delete", "PhysicalResourceId": f"{OTHER}/contents"})
@example({"RequestType": "Create", "ResourceProperties": {"Objects": {f"../{OTHER}/x": "x"}}})
@example({"RequestType": "Update", "ResourceProperties": {"Objects": {"x" * 9000: "x"}}})
@example({})
@given(events)
def test_it_answers_and_touches_no_other_bucket(cloud: Cloud, event: Event) -> None:
    """A stack would hang for hours, or somebody else's data be gone."""
    cloud.requested.clear()
    answer = cloud.send(event)
    assert answer["Status"] in {"SUCCESS", "FAILED"}
    assert (answer["Status"] == "FAILED") == ("Reason" in answer)
    assert answer["PhysicalResourceId"] == (event.get("PhysicalResourceId") or f"{OWN}/contents")
    for key in ("StackId", "RequestId", "LogicalResourceId"):
        assert answer[key] == event.get(key)
    assert all(path.split("/")[1] == OWN for path in cloud.requested)
    objects = cloud.s3.list_objects_v2(Bucket=OTHER)["Contents"]
    assert [found["Key"] for found in objects] == ["precious"]


def test_a_deletion_among_them_would_have_been_seen(cloud: Cloud) -> None:
    """The test above would hold for a handler that does nothing at all."""
    cloud.s3.put_object(Bucket=OWN, Key="one", Body=b"x")
    cloud.requested.clear()
    assert cloud.send({"RequestType": "Delete"})["Status"] == "SUCCESS"
    assert cloud.requested
    assert cloud.s3.list_objects_v2(Bucket=OWN)["KeyCount"] == 0
