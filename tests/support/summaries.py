"""Summaries of a rehearsal: as it usually is, where all is well, and with little in it."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from workshop.checks import Check
from workshop.summary import Summary

HOSTILE = "</script><img src=https://example.com/x onerror=alert(1)>"
COUNTED: dict[str, Any] = {
    "records_read": 15,
    "kept": 2,
    "duplicates": 1,
    "filtered": {"other event": 8, "no userId": 2, "no SKU": 0},
    "rejected": {"not JSON": 1, "unusable timestamp": 1},
    "rows_written": 3,
}
Row = dict[str, str | None]
USUAL = Summary(
    environment={
        "where": "AWS account 111122223333 in us-east-1",
        "embedded": False,
        "at": "2026-11-24 17:05 UTC",
        "stack": "SegmentPersonalizeWorkshop",
        "stack_id": "arn:aws:cloudformation:us-east-1:111122223333:stack/x/1",
        "outputs": {
            "BucketName": "personalize-data-111122223333",
            "JobConsole": "https://us-east-1.console.aws.amazon.com/gluestudio/home",
            "DashboardConsole": "https://us-east-1.console.aws.amazon.com/cloudwatch/home",
        },
    },
    steps=[{"name": "Glue job", "result": "3 rows in 61 s", "seconds": 61.2, "passed": True}],
    job={
        "id": "jr_1",
        "state": "SUCCEEDED",
        "seconds": 61,
        "accounting": COUNTED,
    },
    queries=[
        {
            "name": "01 What does the data look like",
            "description": "Twenty raw events.",
            "columns": ["messageid", "context"],
            "row_count": 1,
            "more": False,
            "rows": [["m1", None]],
            "seconds": 1.25,
            "scanned_bytes": 6_955_720,
        }
    ],
    figures={
        "events": [
            {"name": "Product Clicked", "records": "9"},
            {"name": HOSTILE, "records": "3"},
            *[Row(name=f"Event {number}", records="1") for number in range(20)],
        ],
        "hours": [
            {"day": str(date(2026, 8, 1) + timedelta(days)), "hour": "7", "records": str(days)}
            for days in range(1, 90)
        ],
        "funnel": [{"source": "ios-prod", "clicked": "8", "added": "4", "ordered": "1"}],
        "items": [
            {"item_id": "A", "name": None, "event_type": "Product Clicked", "interactions": "2"},
            {"item_id": "B", "name": HOSTILE, "event_type": "Order Completed", "interactions": "1"},
        ],
        "users": [
            {"interactions": "1", "users": "4"},
            {"interactions": "2", "users": "30"},
            {"interactions": "700", "users": "1"},
        ],
    },
    failures=[],
    checks=[
        Check("Files", passed=True, found="1 CSV, 99 bytes", advice="Run the job"),
        Check("Interactions", passed=False, found="3 of 1,000", advice="More data"),
    ],
    interactions={
        "rows": 3,
        "users": 35,
        "items": 2,
        "event_types": {"Product Clicked": 2, "Order Completed": 1},
        "first": 1_790_812_800,
        "last": 1_790_899_200,
    },
)
# As `up` leaves it on the embedded AWS, where all is well.
REHEARSED = replace(
    USUAL,
    environment={**USUAL.environment, "embedded": True},
    queries=[{**USUAL.queries[0], "name": f"{n:02} A query", "more": n > 1} for n in (1, 2)],
    checks=[replace(check, passed=True) for check in USUAL.checks],
)
# The log is gone, nothing was sold, and one source has no clicks.
BARE = replace(
    USUAL,
    job={**USUAL.job, "accounting": {}},
    queries=[],
    figures={
        **{name: [] for name in USUAL.figures},
        "funnel": [{"source": "ios-prod", "clicked": "0", "added": "0", "ordered": "0"}],
    },
    interactions={
        "rows": 0,
        "users": 0,
        "items": 0,
        "event_types": {},
        "first": None,
        "last": None,
    },
)
