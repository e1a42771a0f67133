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
from botocore.exceptions import ClientError

from stacks.bucket_contents.simulated_shop import log_files

BUCKET = os.environ.get("BUCKET", "")
PREFIX = os.environ.get("PREFIX", "")
CLOSED = "ClosedForDeletion"


def handler(event: dict[str, Any], _context: object) -> None:
    """Answer one request of CloudFormation's custom resource protocol."""
    answer = {
        "Status": "SUCCESS",
        "PhysicalResourceId": f"{BUCKET}/contents",
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    try:
        s3 = boto3.client("s3")
        if event["RequestType"] == "Create":
            answer["Data"] = fill(s3)
        elif event["RequestType"] == "Delete":
            close(s3)
            empty(s3)
        # An update leaves what participants and Segment have put there as it is.
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


def close(s3: Any) -> None:
    """Refuse new objects from anyone, so that a bucket once empty stays empty."""
    try:
        policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        policy = {"Version": "2012-10-17", "Statement": []}
    policy["Statement"] = [s for s in policy["Statement"] if s.get("Sid") != CLOSED] + [
        {
            "Sid": CLOSED,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        }
    ]
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


def empty(s3: Any) -> None:
    """Delete every object, version and delete marker, and abort every unfinished upload."""
    try:
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=BUCKET):
            for upload in page.get("Uploads", []):
                s3.abort_multipart_upload(
                    Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
            objects = [
                {"Key": version["Key"], "VersionId": version["VersionId"]}
                for version in page.get("Versions", []) + page.get("DeleteMarkers", [])
            ]
            if objects:
                result = s3.delete_objects(
                    Bucket=BUCKET, Delete={"Objects": objects, "Quiet": True}
                )
                if result.get("Errors"):
                    raise RuntimeError(f"not deleted: {result['Errors'][:3]}")
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
