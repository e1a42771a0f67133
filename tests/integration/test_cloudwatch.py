"""The embedded AWS's metric filters, by its own API: what CloudWatch Logs would make of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

GROUP = "/jobs/output"


@pytest.fixture(scope="module")
def session(owner: boto3.Session) -> boto3.Session:
    owner.client("logs").create_log_group(logGroupName=GROUP)
    owner.client("logs").create_log_stream(logGroupName=GROUP, logStreamName="run")
    return owner


def put_filter(session: boto3.Session, name: str, pattern: str, value: str) -> None:
    session.client("logs").put_metric_filter(
        logGroupName=GROUP,
        filterName=name,
        filterPattern=pattern,
        metricTransformations=[
            {"metricNamespace": "Job", "metricName": name, "metricValue": value}
        ],
    )


def values(session: boto3.Session, name: str) -> tuple[float, float] | None:
    """The sum and the number of a metric's values; None where there is none."""
    now = datetime.now(UTC)
    answer: Any = session.client("cloudwatch").get_metric_statistics(
        Namespace="Job",
        MetricName=name,
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        Statistics=["Sum", "SampleCount"],
    )
    points = answer["Datapoints"]
    return (points[0]["Sum"], points[0]["SampleCount"]) if points else None


def test_the_lines_that_match_are_counted(session: boto3.Session) -> None:
    """Every record of the job is in one line of one count."""
    put_filter(session, "filtered", '[count = "filtered", records, ...]', "$records")
    put_filter(session, "pairs", '[count = "filtered", records]', "$records")
    put_filter(session, "lines", "[word, ...]", "1")
    lines = [
        "filtered 7 other event",
        "filtered 5 no userId",
        "filtered 2",
        "filtered many of them",
        "kept 9 in all",
        "filtered",
    ]
    session.client("logs").put_log_events(
        logGroupName=GROUP,
        logStreamName="run",
        logEvents=[
            {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": line}
            for line in lines
        ],
    )
    assert values(session, "filtered") == (14, 3), "neither a text nor a short line counts"
    assert values(session, "pairs") == (2, 1), "without the dots the number of fields is exact"
    assert values(session, "lines") == (6, 6)
    assert values(session, "kept") is None


@pytest.mark.parametrize(
    ("pattern", "value", "said"),
    [
        ("{ $.records = * }", "$.records", "space-delimited"),
        ("ERROR", "1", "space-delimited"),
        ("[count, records > 3]", "$records", "space-delimited"),
        ("[count, records, ...]", "$number", "number is not a field of the pattern"),
    ],
)
def test_what_it_could_not_count_is_refused(
    session: boto3.Session, pattern: str, value: str, said: str
) -> None:
    """The dashboard would be empty here, and nobody know why."""
    with pytest.raises(ClientError, match=said):
        put_filter(session, "other", pattern, value)
