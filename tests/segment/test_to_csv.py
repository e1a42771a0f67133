"""From the simulated shop through Segment's payloads and files to the CSV: all of it."""

import csv
import gzip
import json
import math
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from stacks.bucket_contents.simulated_shop import log_files
from tests.support.shell import EMAIL, FIRST, KEYS, Shell, variables
from tests.support.tracking_api import Answer, TrackingApi

pytestmark = pytest.mark.slow

EVENTS = 3_000
PERIOD = ("--from", FIRST, "--days", 2, "--events", EVENTS)
Row = tuple[str, str, str, int]
# What a folder may be called, and Hadoop, Spark, a URI or a glob reads as something else.
NAME = "a (b) [c] {d,e} + @ & = ' % %20 # a:b größe *?"


def simulated() -> list[Row]:
    """What people did in the simulation, each thing once, as rows of the CSV."""
    rows: dict[str, list[Row]] = {}
    for log in log_files(date(2019, 2, 27), 2, EVENTS):
        for line in gzip.decompress(log.body).splitlines():
            call = json.loads(line)
            if not call["userId"] or call.get("event") not in {
                "Product Clicked",
                "Product Added",
                "Order Completed",
            }:
                continue
            products = call["properties"].get("products", [call["properties"]])
            second = int(datetime.fromisoformat(call["timestamp"]).timestamp())
            rows[call["messageId"]] = [
                (call["userId"], product["sku"], call["event"], second) for product in products
            ]
    return sorted(row for several in rows.values() for row in several)


def read(folder: Path) -> list[Row]:
    (file,) = folder.iterdir()
    with file.open(newline="") as lines:
        return sorted(
            (row["USER_ID"], row["ITEM_ID"], row["EVENT_TYPE"], int(row["TIMESTAMP"]))
            for row in csv.DictReader(lines)
        )


def through_the_batch_endpoint(shell: Shell, segment: TrackingApi, folder: Path) -> float:
    """Send it, some of it twice, and let Segment write its files.

    Returns:
        How many seconds a message was under way at most: Segment takes it for a wrong clock, and
        moves the message's time by it.
    """
    segment.answer = lambda number, _source: Answer(drop=number < 3)
    host = ("--host", segment.url, "--rate", 100_000)
    shell.run("send-events", *PERIOD, *host, env=variables(KEYS | EMAIL))
    assert segment.refused == []
    assert len(segment.received) > len(segment.unique())
    segment.write_logs(folder)
    return max((one.received - one.sent).total_seconds() for one in segment.received)


def through_a_dry_run(shell: Shell, _: TrackingApi, folder: Path) -> float:
    shell.run("send-events", *PERIOD, "--dry-run", folder, env=variables(EMAIL))
    return 0


@pytest.mark.parametrize("way", [through_the_batch_endpoint, through_a_dry_run])
def test_the_csv_is_what_people_did(
    shell: Shell,
    segment: TrackingApi,
    tmp_path: Path,
    way: Callable[[Shell, TrackingApi, Path], float],
) -> None:
    """The job's own script, on what Segment would have written: who, what, how and when.

    It reads and writes in the folders that it is given, whatever their names are.
    """
    logs, output = tmp_path / NAME, tmp_path / f"{NAME} out"
    late = way(shell, segment, logs)
    told = shell.run("transform", logs, output, "--json").json()
    assert {path.name for path in tmp_path.iterdir()} == {
        *(shell.folder.name, logs.name, output.name, f"{output.name}-rejected")
    }
    assert sum(told["rejected"].values()) == 0
    expected = simulated()
    assert len(expected) > 500
    found = read(output)
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    for (*_, at), (*_, wanted) in zip(found, expected, strict=True):
        assert 0 <= at - wanted <= math.ceil(late)
