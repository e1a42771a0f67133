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


def test_days_may_be_relative_and_name_the_folder() -> None:
    """A trigger passes the same arguments every day."""
    days = {"START_DATE": "yesterday", "END_DATE": "yesterday"}
    args = arguments(**days, S3_CSV_OUTPUT_PATH="/data/{END_DATE}/")
    day = date.fromisoformat(args.given["S3_CSV_OUTPUT_PATH"].removeprefix("/data/"))
    assert day == datetime.now(UTC).date() - timedelta(1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert args.first_day == args.last_day == midnight.timestamp() * 1000
