"""The job beside the reference: the same rows, counts and rejected records, whatever comes."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, given, settings

from tests.support.generated import FILLERS, OPTIONS, InputFile, Options, inputs
from tests.support.live_job import Folders, LiveJob, csv_lines_of
from tests.support.reference import (
    EVENTS,
    NOT_JSON,
    OTHER_EVENT,
    Fields,
    Rejected,
    Result,
    transform,
)

REPLACED = "\ufffd+"  # stands for bytes that are not UTF-8


def agree(job: LiveJob, base: Path, files: list[InputFile], options: Options) -> None:
    """Run both on the same files; compare all that the job leaves. What agrees is removed."""
    folders = Folders(base)
    for each in files:
        each.write(folders)
    start, end, events = options.start, options.end, options.events
    fields = options.fields
    expected = transform(folders.source, datetime.now(UTC), events or EVENTS, start, end, fields)
    outcome = job.run(
        folders,
        START_DATE=start,
        END_DATE=end,
        SUPPORTED_EVENTS=events and ",".join(events),
        MAX_ROWS_PER_FILE=options.rows,
        **arguments_of(fields),
    )
    assert outcome.error.partition(":")[0] == ("" if expected.rows else "ValueError"), outcome
    rows = csv_lines_of(expected.rows)
    assert differences(folders.csv_lines(), rows) == [], options
    assert folders.csv_lines() == rows
    sizes = [len(file.read_bytes().splitlines()) - 1 for file in folders.csvs()]
    assert all(size <= (options.rows or size) for size in sizes)
    compare_counts(folders, expected, {folders.source / f.name for f in files if f.broken})
    shutil.rmtree(base)


def arguments_of(fields: Fields) -> dict[str, str | None]:
    """The arguments for fields; none for the default ones."""
    return {
        "ITEM_FIELDS": ",".join(fields.item) if fields.item != Fields().item else None,
        "USER_FIELDS": ",".join(fields.user) if fields.user != Fields().user else None,
        "EVENT_VALUE_FIELD": fields.value or None,
    }


def compare_counts(folders: Folders, expected: Result, broken: set[Path]) -> None:
    """Compare rejected records and counts, with what is the gzip library's affair left out."""
    found = folders.rejected_records()
    partial = [record for record in found if record[0] == NOT_JSON and record[1] in broken]
    assert len(partial) <= len(broken)
    whole = [record for record in found if record not in partial]
    assert differences(map(readable, whole), map(readable, expected.rejected)) == []

    counts, others = folders.accounting(), expected.accounting["filtered"][OTHER_EVENT]
    # Spark names an event that is not text in its own way.
    assert len(counts.pop("other_events")) <= 10
    del expected.accounting["other_events"]
    lost = others - counts["filtered"][OTHER_EVENT]
    assert -len(broken) <= lost <= FILLERS * len(broken)
    counts["filtered"][OTHER_EVENT] += lost
    counts["rejected"][NOT_JSON] -= len(partial)
    counts["records_read"] += lost - len(partial)
    assert json.dumps(counts) == json.dumps(expected.accounting)


def readable(rejected: Rejected) -> str:
    """Write a rejected record with one sign for bytes that are not UTF-8, however many."""
    reason, file, text = rejected
    return f"{reason}: {file}: {re.sub(REPLACED, REPLACED[0], text) if text else text!r}"


def differences(found: Iterable[str], expected: Iterable[str]) -> list[str]:
    ours, theirs = Counter(found), Counter(expected)
    return [f"only the job: {line}" for line in (ours - theirs).elements()] + [
        f"only the reference: {line}" for line in (theirs - ours).elements()
    ]


# A failure says what differs and keeps the input; to look for the least one takes too many runs.
COMMON = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)


# A run takes seconds, whatever there is to read: few examples, and large ones.
@settings(COMMON, max_examples=2, derandomize=True)
@given(files=inputs(6, 12), options=OPTIONS)
def test_job_and_reference_agree(
    live_job: LiveJob,
    tmp_path_factory: pytest.TempPathFactory,
    files: list[InputFile],
    options: Options,
) -> None:
    """A record that nobody thought of could become a wrong row, or none, or not be counted."""
    agree(live_job, tmp_path_factory.mktemp("example"), files, options)


@pytest.mark.slow
@settings(COMMON, max_examples=40)
@given(files=inputs(6, 12), options=OPTIONS)
def test_job_and_reference_agree_at_length(
    live_job: LiveJob,
    tmp_path_factory: pytest.TempPathFactory,
    files: list[InputFile],
    options: Options,
) -> None:
    """The same for rarer records; other ones each time."""
    agree(live_job, tmp_path_factory.mktemp("example"), files, options)
