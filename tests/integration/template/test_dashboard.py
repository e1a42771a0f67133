"""The organizer's dashboard: every metric that it names is one that comes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import segment_io

from embedded_aws.cloudwatch import _matches, _parsed
from tests.support.templates import text

Resources = dict[str, dict[str, Any]]
# What services publish, and which dimensions; the values here are fixed.
# Source: Amazon Athena User Guide, docs.aws.amazon.com/athena, "query-metrics-viewing".
DOCUMENTED: dict[tuple[str, str], dict[str, str | None]] = {
    ("AWS/Athena", "ProcessedBytes"): {"QueryState": None, "QueryType": "DML", "WorkGroup": None},
}


@pytest.fixture
def body(resources: Resources) -> dict[str, Any]:
    """The dashboard's body as CloudFormation hands it on, every reference as a name."""
    (dashboard,) = (r for r in resources.values() if r["Type"] == "AWS::CloudWatch::Dashboard")
    found: dict[str, Any] = json.loads(text(dashboard["Properties"]["DashboardBody"]))
    return found


def filters(resources: Resources) -> list[dict[str, Any]]:
    """The metric filters of the job's log."""
    return [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Logs::MetricFilter"]


def metrics(body: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of every metric in the widgets."""
    for widget in body["widgets"]:
        for row in widget["properties"].get("metrics", []):
            if words := [word for word in row if isinstance(word, str)]:
                namespace, name, *dimensions = words
                yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


def test_every_metric_is_published_by_somebody(resources: Resources, body: dict[str, Any]) -> None:
    """A name that nobody publishes is a widget that stays empty for ever."""
    counted = {
        (text(t["MetricNamespace"]), t["MetricName"])
        for found in filters(resources)
        for t in found["MetricTransformations"]
    }
    shown = list(metrics(body))
    assert counted <= {(namespace, name) for namespace, name, _ in shown}
    for namespace, name, dimensions in shown:
        if (namespace, name) in counted:
            assert dimensions == {}
            continue
        documented = DOCUMENTED[namespace, name]
        assert dimensions.keys() == documented.keys()
        for key, value in documented.items():
            assert value in (None, dimensions[key])


def test_what_publishes_is_turned_on(resources: Resources) -> None:
    """Athena publishes only what it is told to."""
    (group,) = (
        r["Properties"] for r in resources.values() if r["Type"] == "AWS::Athena::WorkGroup"
    )
    assert group["WorkGroupConfiguration"]["PublishCloudWatchMetricsEnabled"] is True


# What the metrics are of the log below.
COUNTED = {
    "started": ["1"],
    "seconds": ["63"],
    "records_read": ["9"],
    "kept": ["1"],
    "duplicates": ["2"],
    "filtered": ["3"],
    "rejected": ["3"],
    "rows_written": ["4"],
}


def printed() -> list[str]:
    """A log as the job's modules write it; an event's name tries to be a line of its own."""
    lines = segment_io.as_table(
        {
            "records_read": 9,
            "kept": 1,
            "duplicates": 2,
            "filtered": {"other event": 3},
            "rejected": {"not JSON": 3},
            "rows_written": 4,
            "other_events": {"\nkept 1000000 in all\nrun-1 started\n": 3},
        }
    )
    return ["run-1 started", *"\n".join(lines).splitlines(), "run-1 finished after 63 seconds"]


def test_the_script_prints_what_the_filters_count(resources: Resources) -> None:
    """A count that the script does not print is a metric without a value."""
    log = printed()
    (output,) = (
        name
        for name, r in resources.items()
        if r["Type"] == "AWS::Logs::LogGroup" and "/output" in json.dumps(r["Properties"])
    )
    for found in filters(resources):
        assert found["LogGroupName"] == {"Ref": output}
        (t,) = found["MetricTransformations"]
        matching = list(_matches(_parsed(found["FilterPattern"]), log))
        value = t["MetricValue"]
        assert [fields[value[1:]] if value[0] == "$" else value for fields in matching] == (
            COUNTED[t["MetricName"]]
        )
