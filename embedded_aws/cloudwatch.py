"""Gives MiniStack's CloudWatch the metrics that AWS would give it: of logs and of queries."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from embedded_aws import hooks

# One field of a space-delimited pattern: a name, and perhaps the text that it must be.
_FIELD = re.compile(r'(?P<name>\w+)(?:\s*=\s*"(?P<text>[^"]*)")?')
_REST = "..."
Pattern = list[tuple[str, str | None]]


def install() -> None:
    """Make metric filters count, which MiniStack stores and does not apply."""
    put_log_events = hooks.logs.put_log_events
    put_metric_filter = hooks.logs.put_metric_filter

    def put_and_count(data: dict[str, Any]) -> Any:
        answer = put_log_events(data)
        if answer[0] == 200:  # noqa: PLR2004
            for (group, _), metric_filter in list(hooks.logs.metric_filters.items()):
                if group == data["logGroupName"]:
                    _count(metric_filter, [event["message"] for event in data["logEvents"]])
        return answer

    def check_and_put(data: dict[str, Any]) -> Any:
        try:
            fields = [name for name, _ in _parsed(data.get("filterPattern", ""))]
            for transformation in data.get("metricTransformations", []):
                _check(transformation, fields)
        except ValueError as error:
            return hooks.responses.error_response_json("InvalidParameterException", str(error), 400)
        return put_metric_filter(data)

    hooks.logs.put_log_events = put_and_count
    hooks.logs.put_metric_filter = check_and_put


def publish(namespace: str, name: str, value: float, unit: str, **dimensions: str) -> None:
    """Store one value of a metric, as of now, as a service's own metric."""
    hooks.cloudwatch.store_datum(
        namespace, name, dimensions, time.time(), unit, value, None, None, None
    )


def publish_query(execution: dict[str, Any]) -> None:
    """Store the metrics of a query of Athena's that has ended.

    Source: docs.aws.amazon.com/athena/latest/ug/query-metrics-viewing.html
    """
    statistics = execution["Statistics"]
    dimensions = {
        "WorkGroup": execution["WorkGroup"],
        "QueryState": execution["Status"]["State"],
        "QueryType": execution["StatementType"],
    }
    bytes_read, elapsed = statistics["DataScannedInBytes"], statistics["TotalExecutionTimeInMillis"]
    publish("AWS/Athena", "ProcessedBytes", bytes_read, "Bytes", **dimensions)
    publish("AWS/Athena", "TotalExecutionTime", elapsed, "Milliseconds", **dimensions)


def _check(transformation: dict[str, Any], fields: list[str]) -> None:
    value = transformation["metricValue"]
    if value.startswith("$") and value[1:] not in fields:
        raise ValueError(f"Invalid metric transformation: {value} is not a field of the pattern")


def _count(metric_filter: dict[str, Any], messages: list[str]) -> None:
    for fields in _matches(_parsed(metric_filter["filterPattern"]), messages):
        for transformation in metric_filter["metricTransformations"]:
            value = transformation["metricValue"]
            text = fields[value[1:]] if value.startswith("$") else value
            try:
                number = float(text)
            except ValueError:
                continue  # no number, no metric
            namespace, name = transformation["metricNamespace"], transformation["metricName"]
            publish(namespace, name, number, transformation.get("unit", "None"))


def _parsed(pattern: str) -> Pattern:
    """The fields of a space-delimited pattern, `[a = "text", b, ...]`.

    Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters

    Raises:
        ValueError: a pattern of another kind, which is right on AWS but cannot be applied here.
    """
    words = [word.strip() for word in pattern.strip()[1:-1].split(",")]
    *first, last = words
    if last == _REST:
        words = first
    fields = [_FIELD.fullmatch(word) for word in words]
    if not re.fullmatch(r"\[.*\]", pattern.strip()) or None in fields:
        raise ValueError(
            "The embedded AWS applies space-delimited patterns with exact texts only, "
            f"and not {json.dumps(pattern)}"
        )
    found: Pattern = [(field["name"], field["text"]) for field in fields if field]
    return [*found, (_REST, None)] if last == _REST else found


def _matches(pattern: Pattern, messages: list[str]) -> Iterator[dict[str, str]]:
    """The fields by name of each message that has them."""
    open_ended = pattern[-1][0] == _REST
    fields = pattern[:-1] if open_ended else pattern
    for message in messages:
        words = message.split()
        enough = len(words) >= len(fields) if open_ended else len(words) == len(fields)
        pairs = list(zip(fields, words, strict=False))
        if enough and all(text in (None, word) for (_, text), word in pairs):
            yield {name: word for (name, _), word in pairs}
