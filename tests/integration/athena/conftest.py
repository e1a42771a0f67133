"""One embedded Athena for the tests of this folder, with the exercise's own table."""

import json
from collections.abc import Iterator

import pytest

from stacks.catalog import SEGMENT_LOG_COLUMNS, TRAIT_MAPPINGS, GlueType
from tests.support.athena import BUCKET, OPEN_X, Aws, athena_of
from tests.support.checkout import new_account, signed_in
from tests.support.failing_aws import Failing


@pytest.fixture(scope="package")
def aws(server: Failing) -> Iterator[Aws]:
    """An account with a bucket, the database and the workgroup of the exercise."""
    with signed_in(server, new_account()) as owner:
        yield athena_of(owner)
        bucket = owner.resource("s3").Bucket(BUCKET)  # in another order it is made again
        bucket.objects.all().delete()
        bucket.delete()


def hive_text(kind: GlueType) -> str:
    """A type of `stacks.catalog` as the Glue table has it: struct<name:string>."""
    if isinstance(kind, str):
        return kind
    if isinstance(kind, list):
        return f"array<{hive_text(kind[0])}>"
    if "*" in kind:
        return f"map<string,{hive_text(kind['*'])}>"
    return "struct<" + ",".join(f"{name}:{hive_text(it)}" for name, it in kind.items()) + ">"


EVENTS = [
    {
        "messageId": "m1",
        "event": "Product Clicked",
        "type": "track",
        "userId": "u1",
        "version": 2,
        "timestamp": "2026-10-01T00:00:00.000Z",
        "properties": {"sku": "A1", "price": 9, "name": "Mug", "secret": "x"},
        "traits": {"Invited User?": True, "Favorite Departments": ["Games", "Books"]},
        "context": {"userAgent": "agent", "page": {"url": "https://example.com/?a=1"}},
        "integrations": {"All": True, "Salesforce": False},
        "undeclared": 1,
    },
    {
        "messageId": "m2",
        "event": "Order Completed",
        "type": "track",
        "userId": "u1",
        "properties": {
            "sku": "A1",
            "revenue": 12345678.5,
            "products": [{"sku": "A1", "quantity": 2}, {"sku": "B2"}],
        },
        "integrations": {},
    },
    {"messageId": "m3", "type": "page", "anonymousId": "a1", "properties": {"title": 'It\'s "it"'}},
]


@pytest.fixture(scope="package")
def segment(aws: Aws) -> int:
    """The exercise's own table with three events in two objects; the objects' bytes as stored."""
    size = aws.put("segment-logs/website-prod/1790812800000/1.gz", *map(json.dumps, EVENTS[:2]))
    size += aws.put("segment-logs/ios-prod/1790899200000/2", json.dumps(EVENTS[2]))
    aws.put("segment-logs/_temporary/3.gz", json.dumps(EVENTS[0]))
    aws.put("segment-logs/website-prod/.hidden", "not JSON")
    columns = ", ".join(f"`{name}` {hive_text(it)}" for name, it in SEGMENT_LOG_COLUMNS.items())
    mappings = ", ".join(f"'mapping.{name}' = '{key}'" for name, key in TRAIT_MAPPINGS.items())
    aws.rows(
        f"CREATE EXTERNAL TABLE segment_logs ({columns}) ROW FORMAT SERDE '{OPEN_X}' "
        f"WITH SERDEPROPERTIES ({mappings}) LOCATION 's3://{BUCKET}/segment-logs/'"
    )
    return size
