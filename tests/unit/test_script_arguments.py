"""The script's arguments: fields and days that can be chosen, and what is refused."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.script_arguments import arguments


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"ITEM_FIELDS": ""}, "ITEM_FIELDS"),
        ({"ITEM_FIELDS": "sku,"}, "ITEM_FIELDS"),
        ({"ITEM_FIELDS": "product.sku"}, "ITEM_FIELDS"),
        ({"ITEM_FIELDS": "sku,SKU"}, "sku, SKU"),
        ({"ITEM_FIELDS": "products"}, "products"),
        ({"ITEM_FIELDS": "sku", "EVENT_VALUE_FIELD": "sku"}, "sku, sku"),
        ({"EVENT_VALUE_FIELD": "price,revenue"}, "EVENT_VALUE_FIELD"),
        ({"USER_FIELDS": "userId, anonymousId"}, "USER_FIELDS"),
        ({"USER_FIELDS": "messageid"}, "messageid"),
        ({"USER_FIELDS": "_corrupt_record"}, "USER_FIELDS"),
        ({"START_DATE": "today"}, "START_DATE"),
    ],
)
def test_what_cannot_be_chosen_is_refused(options: dict[str, str], named: str) -> None:
    """Spark would fail in the middle of the run, with an ambiguous name, or read nothing."""
    with pytest.raises(ValueError, match=named):
        arguments(**options)


@pytest.mark.parametrize(
    ("source", "target", "rejected"),
    [
        ("/b//out-staging", "/b/out", "/b/rejected"),
        ("/b/logs", "/b/./logs/out", "/b/rejected"),
        ("/b/logs", "/b/x/../logs/out", "/b/rejected"),
        ("/b/logs", "file:///b/logs/out", "/b/rejected"),
        ("file:////b/logs", "/b/logs/out", "/b/rejected"),
        ("/b/logs", "FILE:///b/logs/out", "/b/rejected"),
        ("/b/logs", "/b/out", "/b//out/rejected"),
        ("/b/logs", "/b/out/.", "/b/rejected"),
        ("/b/logs", "/b/out", "/."),
        ("/b/logs", "/b/out", "/b/LOGS/rejected"),
        ("s3://b/logs", "s3a://b/logs/out", "s3://b/rejected"),
        ("s3n://b/out-staging", "s3://b//out", "s3://b/rejected"),
    ],
)
def test_a_folder_inside_another_is_refused_however_it_is_written(
    source: str, target: str, rejected: str
) -> None:
    """A run would delete its own input, which it takes for what a killed run has left."""
    with pytest.raises(ValueError, match="is inside"):
        arguments(S3_JSON_INPUT_PATH=source, S3_CSV_OUTPUT_PATH=target, S3_REJECTED_PATH=rejected)


@pytest.mark.parametrize(
    "path", ["/b//c/../out", "file:///b/out", "s3a://b/out", "/in-2", "s3://data/in"]
)
def test_a_path_stays_as_it_is_written(path: str) -> None:
    """Only the comparison reads it in another way."""
    assert arguments(S3_CSV_OUTPUT_PATH=path).given["S3_CSV_OUTPUT_PATH"] == path


def test_days_may_be_relative_and_name_the_folder() -> None:
    """A trigger passes the same arguments every day."""
    days = {"START_DATE": "yesterday", "END_DATE": "yesterday"}
    args = arguments(**days, S3_CSV_OUTPUT_PATH="/data/{END_DATE}/")
    day = date.fromisoformat(args.given["S3_CSV_OUTPUT_PATH"].removeprefix("/data/"))
    assert day == datetime.now(UTC).date() - timedelta(1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert args.first_day == args.last_day == midnight.timestamp() * 1000
