"""The job on what Firehose writes: day and hour folders, and one object of many records."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.support.live_job import Folders, LiveJob
from tests.support.records import event
from tests.support.waiting import until

pytestmark = pytest.mark.slow

BUCKET, PREFIX = "firehose-logs", "segment-logs/"
NEW_LINES = {
    "Enabled": True,
    "Processors": [
        {
            "Type": "AppendDelimiterToRecord",
            "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
        }
    ],
}


def delivered(owner: boto3.Session, folders: Folders, stream: str, **settings: object) -> str:
    """Put three events into a stream of these settings; copy what it wrote, and return its key."""
    s3, firehose = owner.client("s3"), owner.client("firehose")
    s3.create_bucket(Bucket=BUCKET)
    destination: Any = {
        "RoleARN": "arn:aws:iam::111122223333:role/firehose",
        "BucketARN": f"arn:aws:s3:::{BUCKET}",
        "Prefix": PREFIX,
        "BufferingHints": {"IntervalInSeconds": 1, "SizeInMBs": 5},
        **settings,
    }
    firehose.create_delivery_stream(
        DeliveryStreamName=stream, ExtendedS3DestinationConfiguration=destination
    )
    for number in "123":
        record = {"Data": event(number).encode()}
        firehose.put_record(DeliveryStreamName=stream, Record=record)
    found = until(lambda: s3.list_objects_v2(Bucket=BUCKET).get("Contents"))
    (key,) = [one["Key"] for one in found]
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    folders.put(key.removeprefix(PREFIX), body)
    s3.delete_object(Bucket=BUCKET, Key=key)
    return key


def test_the_job_reads_firehoses_folders(
    owner: boto3.Session, live_job: LiveJob, folders: Folders
) -> None:
    """Who sends Segment's events through Firehose would need another job."""
    key = delivered(owner, folders, "lines", ProcessingConfiguration=NEW_LINES)
    assert re.fullmatch(rf"{PREFIX}{datetime.now(UTC):%Y/%m}/\d\d/\d\d/lines-1-.+", key)
    assert live_job.run(folders).error == ""
    assert folders.accounting()["kept"] == len(folders.csv_lines()) == 3
    # Its folders are not Segment's `<source>/<day>/`: days are chosen by the path.
    chosen = live_job.run(folders, START_DATE="2016-06-21")
    assert "no day's folder" in chosen.error
    day = live_job.run(folders, S3_JSON_INPUT_PATH=folders.source / f"{datetime.now(UTC):%Y}")
    assert day.error == ""


def test_events_without_a_delimiter_are_rejected_and_counted(
    owner: boto3.Session, live_job: LiveJob, folders: Folders
) -> None:
    """All but the first event of each file would be lost silently."""
    delivered(owner, folders, "glued")
    assert "rejected 1 not JSON" in live_job.run(folders).error
    ((reason, _, text),) = folders.rejected_records()
    assert reason == "not JSON"
    assert text == "".join(map(event, "123"))
    assert json.loads(text.replace("}{", "},{").join("[]"))
