"""The Lambda behind the custom resource: fills the data bucket, and empties it on deletion.

It always answers: a resource that does not blocks its stack for hours.
"""

import base64
import bz2
import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

import boto3

from stacks.bucket_contents.simulated_shop import log_files

BUCKET = "${DataBucket}"  # CloudFormation puts its name here
PREFIX = "segment-logs/"
# What the job makes of the sample logs, for a participant whose job fails. It is named as a first
# run would name it, so that a run which succeeds removes the copy in `transformed/`.
READY_MADE = "ready-made/run-0-part-r-00000.csv"


def handler(event: dict[str, Any], _context: object) -> None:
    """Answer one request of CloudFormation's custom resource protocol."""
    answer = {
        "Status": "SUCCESS",
        # Never another: CloudFormation would delete the first.
        "PhysicalResourceId": event.get("PhysicalResourceId") or f"{BUCKET}/contents",
        **{key: event.get(key) for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    try:
        bucket = boto3.resource("s3").Bucket(BUCKET)
        properties: Any = event.get("ResourceProperties")
        before: Any = event.get("OldResourceProperties", {})
        if event["RequestType"] == "Delete":
            clear(bucket)
        elif answer["PhysicalResourceId"] != f"{properties.get('Bucket', BUCKET)}/contents":
            answer |= {"Status": "FAILED", "Reason": "BucketSuffix cannot change"}
        elif before and before.get("SampleData", "yes") > properties.get("SampleData", "yes"):
            reason = "there are sample logs: give SampleData=yes, or make another stack"
            answer |= {"Status": "FAILED", "Reason": reason}
        else:
            if event["RequestType"] == "Create" and properties.get("SampleData") == "yes":
                answer["Data"] = fill(bucket)
            # An update leaves what others have put there.
            write(bucket, texts(properties), texts(before))
    except Exception as error:  # noqa: BLE001 - whatever it is, CloudFormation must hear of it
        # CloudFormation takes 4,096 bytes.
        reason = f"bucket {BUCKET}: {type(error).__name__}: {error}"[:500]
        answer |= {"Status": "FAILED", "Reason": reason}
    print(json.dumps(answer))
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")
    with urllib.request.urlopen(request, timeout=30):
        pass


def texts(properties: dict[str, Any]) -> dict[str, str]:
    """The texts for the bucket by their keys; modules come compressed."""
    objects: dict[str, str] = properties.get("Objects", {})
    return objects | {
        key: bz2.decompress(base64.b85decode(text)).decode()
        for key, text in properties.get("Packed", {}).items()
    }


def fill(bucket: Any) -> dict[str, str]:
    """Write 30 days of sample logs, until today (UTC), and their CSV; return their counts."""
    files = events = 0
    kept: dict[str, Any] = {}
    kind = {"ContentType": "application/json", "ContentEncoding": "gzip"}
    for log in log_files(datetime.now(UTC).date()):
        bucket.put_object(Key=PREFIX + log.key, Body=log.body, **kind)
        files += 1
        events += log.events
        kept |= log.interactions()
    rows = sorted(row for rows in kept.values() for row in rows)
    lines = [f"{user},{sku},{name},{second}" for second, user, sku, name in rows]
    lines.insert(0, "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP")
    bucket.put_object(Key=READY_MADE, Body="\n".join([*lines, ""]).encode())
    return {"Files": str(files), "Events": str(events)}


def write(bucket: Any, after: dict[str, str], before: dict[str, str]) -> None:
    """Write the texts that are new; keep what somebody has made of the one before."""
    for key, text in after.items():
        if text == before.get(key):
            continue
        for found in bucket.objects.filter(Prefix=key):
            if found.key == key:
                edited = found.get()["Body"].read()
                if edited.decode(errors="replace") not in (text, before.get(key)):
                    copy = f"{key}.edited-{found.last_modified:%Y%m%d-%H%M%S}"
                    bucket.put_object(Key=copy, Body=edited)
        bucket.put_object(Key=key, Body=text.encode(), ContentType="text/x-python")


def clear(bucket: Any) -> None:
    """Close the bucket and empty it; one that somebody has removed already is as good."""
    # No new objects from anyone: this replaces the policy.
    objects = f"arn:aws:s3:::{BUCKET}/*"
    closed = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": objects}
    policy = {"Version": "2012-10-17", "Statement": [closed]}
    try:
        bucket.Policy().put(Policy=json.dumps(policy))
        while empty(bucket):
            pass  # until a whole pass finds nothing: the door closes with a delay
    except bucket.meta.client.exceptions.NoSuchBucket:
        pass


def empty(bucket: Any) -> bool:
    """Delete every object, version, marker and unfinished upload; return whether there was any."""
    uploads = list(bucket.multipart_uploads.all())
    for upload in uploads:
        upload.abort()
    answers = bucket.object_versions.delete()
    errors = [error for answer in answers for error in answer.get("Errors", [])]
    if errors:
        raise RuntimeError(f"not deleted: {errors[:3]}")
    return bool(uploads or answers)
