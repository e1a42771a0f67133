"""From the simulated shop through Segment's payloads and files to the CSV: all of it."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stacks.bucket_contents.simulated_shop import log_files
from tests.support import reference
from tests.support.shell import EMAIL, FIRST, Shell, variables

EVENTS = 3_000
PERIOD = ("--from", FIRST, "--days", 2, "--events", EVENTS)
# What a folder may be called, and Hadoop, Spark, a URI or a glob reads as something else.
NAME = "a (b) [c] {d,e} + @ & = ' % %20 # a:b größe *?"


def simulated(folder: Path) -> list[reference.Row]:
    """What people did in the simulation, each thing once, as rows of the CSV."""
    for log in log_files(date(2019, 2, 27), 2, EVENTS):
        file = folder / log.key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(log.body)
    return reference.transform(folder, datetime.now(UTC)).rows


def read(folder: Path) -> list[reference.Row]:
    (file,) = folder.iterdir()
    with file.open(newline="") as lines:
        return [
            (int(row["TIMESTAMP"]), row["USER_ID"], row["ITEM_ID"], row["EVENT_TYPE"])
            for row in csv.DictReader(lines)
        ]


@pytest.mark.slow
def test_the_csv_is_what_people_did(shell: Shell, tmp_path: Path) -> None:
    """The job's own script, on what Segment would have written: who, what, how and when.

    It reads and writes in the folders that it is given, whatever their names are.
    """
    logs, output = tmp_path / NAME, tmp_path / f"{NAME} out"
    shell.run("send-events", *PERIOD, "--dry-run", logs, env=variables(EMAIL))
    told = shell.run("transform", logs, output, "--json").json()
    assert {path.name for path in tmp_path.iterdir()} == {
        *(shell.folder.name, logs.name, output.name, f"{output.name}-rejected")
    }
    assert sum(told["rejected"].values()) == 0
    expected = simulated(shell.folder / "simulated")
    assert len(expected) > 500
    assert sorted(read(output)) == [row[:4] for row in expected]
