"""The job on what Firehose writes: day and hour folders, and one object of many records.

Source: Amazon Data Firehose Developer Guide, "Understand data delivery in Amazon Data Firehose" and
"Configure Amazon S3 object name format".
"""

import json

import pytest

from tests.support.live_job import Folders, LiveJob
from tests.support.records import event

pytestmark = pytest.mark.slow


def deliver(folders: Folders, delimiter: str = "") -> None:
    """Write three events as Firehose does: with what the stream appends to each, if anything."""
    body = "".join(event(number) + delimiter for number in "123")
    folders.put("2016/06/21/10/segment-1-2016-06-21-10-00-45-0123", body.encode())


def test_the_job_reads_firehoses_folders(live_job: LiveJob, folders: Folders) -> None:
    """Who sends Segment's events through Firehose would need another job."""
    deliver(folders, "\n")
    # Its folders are not Segment's `<source>/<day>/`: days are chosen by the path.
    chosen = live_job.run(folders, START_DATE="2016-06-21")
    assert "no day's folder" in chosen.error
    day = live_job.run(folders, S3_JSON_INPUT_PATH=folders.source / "2016" / "06" / "21")
    assert day.error == ""
    assert folders.accounting()["kept"] == len(folders.csv_lines()) == 3


def test_events_without_a_delimiter_are_rejected_and_counted(
    live_job: LiveJob, folders: Folders
) -> None:
    """All but the first event of each file would be lost silently."""
    deliver(folders)
    assert "rejected 1 not JSON" in live_job.run(folders).error
    ((reason, _, text),) = folders.rejected_records()
    assert reason == "not JSON"
    assert text == "".join(map(event, "123"))
    assert json.loads(text.replace("}{", "},{").join("[]"))
