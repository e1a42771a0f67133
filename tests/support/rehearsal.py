"""What a rehearsal has left on the embedded AWS: objects, the CSV, what the dashboard shows."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from workshop.account import EMBEDDED_ACCOUNT

BUCKET = f"personalize-data-{EMBEDDED_ACCOUNT}"


def objects(s3: Any, prefix: str) -> dict[str, str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return {o["Key"]: o["ETag"] for page in pages for o in page.get("Contents", [])}


def rows_of_the_csv(s3: Any) -> list[tuple[str, ...]]:
    (key,) = objects(s3, "transformed/")
    text = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode("utf-8")
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP"]
    return [tuple(row) for row in rows]


def shown_by_the_dashboard(cloudwatch: Any) -> dict[str, float]:
    """The sum of each metric in the dashboard's widgets, by namespace, name and dimensions."""
    (entry,) = cloudwatch.list_dashboards()["DashboardEntries"]
    body = json.loads(
        cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"]
    )
    now = datetime.now(UTC)
    found = {}
    for widget in body["widgets"]:
        for row in widget["properties"].get("metrics", []):
            names = [word for word in row if isinstance(word, str)]
            namespace, name, *dimensions = names
            answer = cloudwatch.get_metric_statistics(
                Namespace=namespace,
                MetricName=name,
                Dimensions=[
                    {"Name": key, "Value": value}
                    for key, value in zip(dimensions[::2], dimensions[1::2], strict=True)
                ],
                StartTime=now - timedelta(days=1),
                EndTime=now + timedelta(minutes=1),
                Period=172_800,
                Statistics=["Sum"],
            )
            found[" ".join(names)] = sum(point["Sum"] for point in answer["Datapoints"])
    return found


def as_texts(records: list[dict[str, Any]]) -> list[list[str | None]]:
    """Rows of typed values as Athena renders them."""
    return [
        [json.dumps(v) if isinstance(v, int | float) else v for v in record.values()]
        for record in records
    ]
