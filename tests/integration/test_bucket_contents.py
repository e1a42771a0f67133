"""The Lambda's handler, on the embedded AWS: it fills, it empties, and it always answers."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from pytest_httpserver import HTTPServer

from stacks.bucket_contents import handler, simulated_shop
from stacks.bucket_contents.construct import INLINE_SOURCE, compressed, source
from stacks.bucket_contents.simulated_shop import log_files
from tests.support.policies import policy, user

# SHA-256 of 3 days and 2,000 events that end on END: their keys and their lines. Not of the gzipped
# bytes, which another zlib may pack in another way.
GOLDEN = "c81f7b51e0f99c4b971e3f2b018d63740bf15f860104e4b3a3a02cf2bfbfd68e"

# Run where only the standard library can be imported, with a hash seed of its own.
PRINT_DIGEST = """
import gzip, hashlib, sys
from datetime import date
sys.path.insert(0, sys.argv[1])
from index import log_files
digest = hashlib.sha256()
for log in log_files(date(2026, 3, 1), 3, 2_000):
    digest.update(log.key.encode() + gzip.decompress(log.body))
print(digest.hexdigest())
"""


@pytest.fixture
def s3(owner: boto3.Session) -> Any:
    """A client of the embedded AWS."""
    return owner.client("s3")


@pytest.fixture
def bucket(s3: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A versioned bucket of its own, which the handler's code names."""
    name = f"personalize-data-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    monkeypatch.setattr(handler, "BUCKET", name)
    return name


@pytest.fixture
def cloudformation(httpserver: HTTPServer) -> HTTPServer:
    """Where CloudFormation waits for answers."""
    httpserver.expect_request("/", method="PUT").respond_with_data("")
    return httpserver


def ask(
    cloudformation: HTTPServer,
    request_type: str,
    properties: dict[str, Any] | None = None,
    **more: object,
) -> dict[str, Any]:
    """Send one request and return the one answer that it must get."""
    cloudformation.clear_log()
    event = {
        "RequestType": request_type,
        "ResponseURL": cloudformation.url_for("/"),
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "SampleData",
        "ResourceProperties": properties or {},
        **more,
    }
    handler.handler(event, None)
    ((request, _),) = cloudformation.log
    answer: dict[str, Any] = json.loads(request.get_data())
    assert answer["PhysicalResourceId"]
    return answer


def objects(s3: Any, bucket: str) -> dict[str, str]:
    """The text of every object by its key."""
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    keys = [entry["Key"] for entry in found]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}


def test_create_fills_the_bucket_and_says_how_much(
    s3: Any, bucket: str, cloudformation: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Participants find 30 days of logs of three sources; where real ones come, there are none."""
    monkeypatch.setattr(handler, "log_files", partial(log_files, events=5_000))
    assert "Data" not in ask(cloudformation, "Create", {"SampleData": "no"})
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    answer = ask(cloudformation, "Create", {"SampleData": "yes"})
    assert answer["Status"] == "SUCCESS"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    keys.remove(handler.READY_MADE)
    assert len(keys) == int(answer["Data"]["Files"]) >= 80
    assert all(key.startswith("segment-logs/") and key.endswith(".gz") for key in keys)
    assert abs(int(answer["Data"]["Events"]) - 5_000) < 200


def test_delete_takes_versions_markers_and_uploads_and_closes_the_door(
    owner: boto3.Session, s3: Any, bucket: str, cloudformation: HTTPServer
) -> None:
    """A bucket that is not empty, or fills again, cannot be deleted."""
    writer = user(owner, "late-writer", policy(Action="s3:*", Resource="*")).client("s3")
    writer.put_object(Bucket=bucket, Key="early", Body=b"x")
    for number in range(1100):  # more than one page, and one request, of 1,000
        s3.put_object(Bucket=bucket, Key=f"notes/{number % 1050}", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="notes/1")
    s3.create_multipart_upload(Bucket=bucket, Key="unfinished")
    assert ask(cloudformation, "Delete")["Status"] == "SUCCESS"
    versions = s3.list_object_versions(Bucket=bucket)
    assert not versions.get("Versions")
    assert not versions.get("DeleteMarkers")
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(Bucket=bucket, Key="late", Body=b"x")
    assert ask(cloudformation, "Delete")["Status"] == "SUCCESS"  # CloudFormation tries again
    s3.delete_bucket(Bucket=bucket)


def test_delete_of_a_bucket_that_is_gone_succeeds(
    s3: Any, bucket: str, cloudformation: HTTPServer
) -> None:
    """Somebody removed it by hand: the stack's deletion must not hang on it."""
    s3.delete_bucket(Bucket=bucket)
    assert ask(cloudformation, "Delete")["Status"] == "SUCCESS"


def test_objects_come_with_an_update_and_what_was_edited_is_kept(
    s3: Any, bucket: str, cloudformation: HTTPServer
) -> None:
    """A newer script would not arrive, or what participants put there be lost."""

    def update(before: str, after: str) -> dict[str, str]:
        samples = {"SampleData": "yes"}  # which come at first only
        old, new = ({**samples, "Objects": {"scripts/job.py": it}} for it in (before, after))
        assert ask(cloudformation, "Update", new, OldResourceProperties=old)["Status"] == "SUCCESS"
        return objects(s3, bucket)

    assert update("", "one") == {"scripts/job.py": "one"}
    assert update("one", "two") == {"scripts/job.py": "two"}
    s3.put_object(Bucket=bucket, Key="scripts/job.py", Body=b"edited")
    assert update("two", "two") == {"scripts/job.py": "edited"}  # nothing new: theirs stays
    found = update("two", "three")
    assert found.pop("scripts/job.py") == "three"
    ((name, text),) = found.items()
    assert name.startswith("scripts/job.py.edited-")
    assert text == "edited"
    s3.delete_object(Bucket=bucket, Key="scripts/job.py")
    assert update("three", "four")["scripts/job.py"] == "four"


def test_modules_come_unpacked_and_beside_an_edited_one(
    s3: Any, bucket: str, cloudformation: HTTPServer
) -> None:
    """What travels compressed lies in the account as in the repository."""
    old = {"Packed": {"scripts/io.py": compressed("# größer\n")}}
    new = {"Packed": {"scripts/io.py": compressed("# größer, neuer\n")}}
    assert ask(cloudformation, "Update", old)["Status"] == "SUCCESS"
    s3.put_object(Bucket=bucket, Key="scripts/io.py", Body=b"edited")
    assert ask(cloudformation, "Update", new, OldResourceProperties=old)["Status"] == "SUCCESS"
    found = objects(s3, bucket)
    assert found.pop("scripts/io.py") == "# größer, neuer\n"
    assert list(found.values()) == ["edited"]


def test_another_bucket_is_refused_and_the_way_back_is_not(
    s3: Any, bucket: str, cloudformation: HTTPServer
) -> None:
    """Another BucketSuffix would end well, with an empty bucket, and leave all data behind."""
    first, second = ({"Bucket": name, "Objects": {"a": name}} for name in ("first", bucket))
    contents = {"PhysicalResourceId": "first/contents"}
    there = ask(cloudformation, "Update", second, OldResourceProperties=first, **contents)
    assert there["Status"] == "FAILED"
    assert "BucketSuffix" in there["Reason"]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    back = ask(cloudformation, "Update", first, OldResourceProperties=second, **contents)
    assert back["Status"] == "SUCCESS"
    for answer in (there, back):
        assert answer["PhysicalResourceId"] == "first/contents"


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        ({"SampleData": "yes"}, {"SampleData": "yes"}, "SUCCESS"),
        ({"SampleData": "no"}, {"SampleData": "yes"}, "SUCCESS"),  # also the way back
        ({"SampleData": "no"}, {"SampleData": "no"}, "SUCCESS"),
        ({"SampleData": "yes"}, {"SampleData": "no"}, "FAILED"),
        ({}, {"SampleData": "yes"}, "SUCCESS"),  # a stack from before the parameter
        ({}, {"SampleData": "no"}, "FAILED"),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_real_logs_do_not_come_to_sample_logs_unless_asked_for(
    cloudformation: HTTPServer, before: dict[str, str], after: dict[str, str], status: str
) -> None:
    """An update that lets Segment write would mix its events with simulated ones."""
    answer = ask(cloudformation, "Update", after, OldResourceProperties={"Bucket": "b", **before})
    assert answer["Status"] == status
    assert ("SampleData=yes" in answer.get("Reason", "")) == (status == "FAILED")


def test_a_failure_is_answered_with_its_reason(
    s3: Any, bucket: str, cloudformation: HTTPServer
) -> None:
    """A resource that never answers blocks its stack for hours."""
    s3.delete_bucket(Bucket=bucket)
    answer = ask(cloudformation, "Create", {"SampleData": "yes"})
    assert answer["Status"] == "FAILED"
    assert "NoSuchBucket" in answer["Reason"]
    assert bucket in answer["Reason"]


def test_the_lambdas_code_is_one_module_that_compiles() -> None:
    """Inline code is one file: neither part may need the other's module."""
    code = INLINE_SOURCE.replace("${Code}", compressed(source()))
    index: dict[str, Any] = {}
    exec(compile(code, "index.py", "exec"), index)  # noqa: S102 - as Lambda does
    assert index["BUCKET"] == "${DataBucket}"
    assert callable(index["handler"])
    assert "stacks" not in source()
    assert "BUCKET =" not in source()


def test_lambda_and_command_line_write_the_same_data(tmp_path: Path) -> None:
    """An account's answers would depend on who seeded it, with which version of Python.

    The digest is the same on 3.11, 3.12 and 3.13. Change it when the data is meant to change.
    """
    source = Path(simulated_shop.__file__).read_text(encoding="utf-8")
    (tmp_path / "index.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-I", "-S", "-c", PRINT_DIGEST, str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == GOLDEN
