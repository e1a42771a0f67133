"""The Lambda behind the custom resource: fills the data bucket, and empties it on deletion.

It works on the bucket that its environment names, whatever an event says, and answers
CloudFormation every time: a resource that never answers blocks its stack for hours.
"""

import json
import os
import urllib.request
from datetime import UTC, datetime
from typing import Any

import boto3

from stacks.bucket_contents.simulated_shop import log_files

BUCKET = os.environ.get("BUCKET", "")
PREFIX = os.environ.get("PREFIX", "")


def handler(event: dict[str, Any], _context: object) -> None:
    """Answer one request of CloudFormation's custom resource protocol."""
    answer = {
        "Status": "SUCCESS",
        # Never another one: CloudFormation would have what the first one stands for deleted.
        "PhysicalResourceId": event.get("PhysicalResourceId", f"{BUCKET}/contents"),
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    try:
        s3 = boto3.client("s3")
        if event["RequestType"] == "Delete":
            clear(s3)
        else:
            if event["RequestType"] == "Create":
                answer["Data"] = fill(s3)
            # An update leaves what participants and Segment have put there as it is.
            before = event.get("OldResourceProperties", {}).get("Objects", {})
            write(s3, event["ResourceProperties"].get("Objects", {}), before)
    except Exception as error:  # noqa: BLE001 - whatever it is, CloudFormation must hear of it
        answer |= {
            "Status": "FAILED",
            "Reason": f"{type(error).__name__}: {error} (bucket {BUCKET})",
        }
    print(json.dumps(answer))
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")
    with urllib.request.urlopen(request, timeout=30):
        pass


def fill(s3: Any) -> dict[str, str]:
    """Write 30 days of sample logs that end today (UTC); return their counts, as text."""
    counts = {"Files": 0, "Events": 0, "Bytes": 0}
    for log in log_files(datetime.now(UTC).date()):
        s3.put_object(
            Bucket=BUCKET,
            Key=PREFIX + log.key,
            Body=log.body,
            ContentType="application/json",
            ContentEncoding="gzip",
        )
        counts["Files"] += 1
        counts["Events"] += log.events
        counts["Bytes"] += len(log.body)
    return {name: str(count) for name, count in counts.items()}


def write(s3: Any, texts: dict[str, str], before: dict[str, str]) -> None:
    """Write the texts that are new; keep what somebody has made of the one before."""
    for key, text in texts.items():
        if text == before.get(key):
            continue
        try:
            found = s3.get_object(Bucket=BUCKET, Key=key)
            edited = found["Body"].read()
            if edited.decode(errors="replace") not in (text, before.get(key)):
                copy = f"{key}.edited-{found['LastModified']:%Y%m%d-%H%M%S}"
                s3.put_object(Bucket=BUCKET, Key=copy, Body=edited)
        except s3.exceptions.NoSuchKey:
            pass
        s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode(), ContentType="text/x-python")


def clear(s3: Any) -> None:
    """Close the bucket and empty it; one that somebody has removed already is as good."""
    # No new objects, from anyone: this replaces the policy, which goes with the bucket.
    closed = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [closed]}
    try:
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
        while empty(s3):
            pass  # until a whole pass finds nothing: the door closes with a delay
    except s3.exceptions.NoSuchBucket:
        pass


def empty(s3: Any) -> bool:
    """Delete every object, version, marker and unfinished upload; return whether there was any."""
    found = False
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=BUCKET):
        for upload in page.get("Uploads", []):
            found = True
            s3.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
        objects = [
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for version in page.get("Versions", []) + page.get("DeleteMarkers", [])
        ]
        if objects:
            found = True
            result = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": objects, "Quiet": True})
            if result.get("Errors"):
                raise RuntimeError(f"not deleted: {result['Errors'][:3]}")
    return found
