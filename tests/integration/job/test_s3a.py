"""The job through S3A, Glue 6.0's S3 connector, with the rights of the stack's role and no more."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import boto3
import pytest

from tests.support import s3a
from tests.support.checkout import free_port, owner_of
from tests.support.denied import ETL
from tests.support.live_job import (
    HEADER,
    Folders,
    LiveJob,
    Outcome,
    csv_lines_of,
)
from tests.support.participant import BUCKET, JOB
from tests.support.playing import S3A_RECORDED, become, distinct, written
from tests.support.recording import Recording
from tests.support.reference import Result, transform
from tests.support.s3a_job import ROWS_PER_FILE, Bucket, Glue, abort, fill
from tests.support.stack import create
from tests.support.templates import event_template

pytestmark = pytest.mark.slow

# What the job's S3 calls are decided by, and what it is started with.
OF_THE_JOB = (
    *("DataBucket", "DataBucketPolicy", "EtlOutputLog", "EtlErrorLog"),
    *("EtlPolicy", "EtlRole", "EtlJob"),
)
# Writes so many files that there is time to end the run between them.
ROWS_PER_SMALL_FILE = 50
OLDER = "transformed/run-1-part-r-00000.csv"
# The second row breaks when the first one's file has been uploaded.
FAILS = f"""
from pyspark.sql import SparkSession
rows = SparkSession.builder.getOrCreate().range(0, 2, 1, 1)
rows = rows.selectExpr("IF(id = 1, raise_error('broken'), id) AS id")
rows.write.option("maxRecordsPerFile", 1).csv("s3://{BUCKET}/transformed-staging/run-1")
"""
RUN_SPECIFIC = (
    (r"segment-logs/website-prod/.*", "segment-logs/website-prod/1466467200000/0.gz"),
    *(("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "0"), (r"run-\d+", "run-1700000000000")),
    *((r"(attempt|task)_\d+_\d+_m_\d+(_\d+)?", r"\1_0"), (r"part-(r-)?\d+", r"part-\g<1>00000")),
    (r"-c\d{3}", "-c000"),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The input."""
    folders = Folders(tmp_path_factory.mktemp("input"))
    fill(folders)
    return folders


@pytest.fixture(scope="module")
def expected(folders: Folders) -> Result:
    """What the reference makes of it."""
    return transform(folders.source, datetime.now(UTC))


@pytest.fixture(scope="module")
def connector() -> Path:
    """The folder of S3A's jars, or the reason why it is not here."""
    try:
        return s3a.jars()
    except s3a.NotToBeHadError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The event template."""
    return event_template()


@pytest.fixture(scope="module")
def recording(
    tmp_path_factory: pytest.TempPathFactory, template: dict[str, Any]
) -> Iterator[tuple[Recording, Any]]:
    """An embedded AWS with the job's part of the event template, and its owner."""
    recording = Recording(tmp_path_factory.mktemp("aws"), free_port())
    resources = {name: template["Resources"][name] for name in OF_THE_JOB}
    body = json.dumps({**template, "Resources": resources, "Outputs": {}})
    with owner_of(recording) as owner:
        create(owner, body)
        yield recording, owner


@pytest.fixture(scope="module")
def glue(
    connector: Path, recording: tuple[Recording, boto3.Session], folders: Folders
) -> Iterator[Glue]:
    """The job on its stack, with the input in its bucket."""
    server, owner = recording
    bucket = Bucket(owner.client("s3"), folders)
    bucket.fill(folders)
    job: Any = owner.client("glue").get_job(JobName=JOB)["Job"]
    defaults = job["DefaultArguments"]
    settings = s3a.settings(connector, server, become(owner, "EtlRole"), defaults["--conf"])
    arguments = {name[2:]: value for name, value in defaults.items() if name.startswith("--S3")}
    with LiveJob(settings) as live:
        yield Glue(live, settings, arguments, server, bucket)


@pytest.mark.parametrize(
    ("maven", "error"),
    [
        (None, s3a.NotToBeHadError("there is no Maven")),
        ("echo '[ERROR] offline'; exit 1", s3a.NotToBeHadError("offline")),
        # A file that differs from the one that was tested is not a reason to skip.
        (
            'for folder; do :; done; cd "${folder#*=}"; echo evil > hadoop-aws.jar',
            ValueError(s3a.CHECKSUM),
        ),
    ],
)
def test_jars_that_cannot_be_had_are_not_used(
    maven: str | None, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests below would fail without saying why, or run what nobody has tried."""
    monkeypatch.setattr(s3a, "JARS", tmp_path / "build" / "s3a")
    path = [str(tmp_path), "/usr/bin", "/bin"] if maven else [str(tmp_path)]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    if maven:
        program = tmp_path / "mvn"
        program.write_text(f"#!/bin/sh\n{maven}\n", encoding="utf-8")
        program.chmod(0o700)
    with pytest.raises(type(error), match=str(error)):
        s3a.jars()
    assert not s3a.JARS.exists()


class Played(NamedTuple):
    """A run, and what it has left: the CSV by key, and what should not be there."""

    outcome: Outcome
    csv: dict[str, list[str]]
    leftovers: list[str]


@pytest.fixture(scope="module")
def played(glue: Glue, tmp_path_factory: pytest.TempPathFactory) -> list[Played]:
    """A run that replaces a CSV; one that fails; a script whose write fails."""
    bucket = glue.bucket
    script = tmp_path_factory.mktemp("script") / "fails.py"
    script.write_text(FAILS, encoding="utf-8")
    older = f"{HEADER}\n1,2,3,4".encode()
    bucket.s3.put_object(Bucket=BUCKET, Key=OLDER, Body=older)  # the first run removes it
    runs = [Played(glue.run(), bucket.csv(), bucket.leftovers())]
    bucket.s3.put_object(Bucket=BUCKET, Key=OLDER, Body=older)
    runs += [Played(glue.run(SUPPORTED_EVENTS="None"), bucket.csv(), bucket.leftovers())]
    ended = glue.job.run(bucket.folders, script=script)
    return [*runs, Played(ended, bucket.csv(), bucket.leftovers())]


def test_a_run_writes_what_it_writes_without_s3a(
    glue: Glue, played: list[Played], expected: Result
) -> None:
    """A committer or a connector that the job was never tried with would be met at the event."""
    outcome, csv, leftovers = played[0]
    assert outcome.error == ""
    run = outcome.output[0].removesuffix(" started")
    files = -(-len(expected.rows) // ROWS_PER_FILE)
    assert len(csv) >= files > 1
    assert list(csv) == [f"transformed/{run}-part-r-{n:05d}.csv" for n in range(len(csv))]
    assert {lines[0] for lines in csv.values()} == {HEADER}
    assert [line for lines in csv.values() for line in lines[1:]] == csv_lines_of(expected.rows)
    assert leftovers == []

    names = [key.partition(f"{run}/")[2] for key in glue.bucket.keys(f"rejected/{run}/")]
    accounting, *parts = [name for name in names if name]  # there may be the folder's own, ""
    counts = json.loads("".join(glue.bucket.lines(f"rejected/{run}/{accounting}")))
    assert counts == expected.accounting
    broken = [
        json.loads(line) for part in parts for line in glue.bucket.lines(f"rejected/{run}/{part}")
    ]
    source = (f"s3://{BUCKET}/segment-logs", str(glue.bucket.folders.source))
    found = [(r["reason"], Path(unquote(r["file"]).replace(*source)), r["text"]) for r in broken]
    assert sorted(found, key=str) == sorted(expected.rejected, key=str)


def test_a_run_that_fails_leaves_the_csv_and_nothing_else(played: list[Played]) -> None:
    """The next run would find half a CSV in the staging folder, or S3 bill for unseen parts."""
    outcome, csv, leftovers = played[1]
    assert outcome.error.startswith("ValueError: No record was kept"), outcome
    assert csv == {**played[0].csv, OLDER: [HEADER, "1,2,3,4"]}
    assert leftovers == []


def test_a_write_that_fails_aborts_its_uploads(played: list[Played]) -> None:
    """Without the right to, S3A reports that in place of what went wrong, and S3 bills for them."""
    outcome, _, leftovers = played[2]
    assert "broken" in outcome.error
    assert leftovers == ["transformed-staging/run-1/"]  # the job removes its own


@pytest.mark.usefixtures("played")
def test_s3a_calls_what_the_recording_says(glue: Glue) -> None:
    """The roles' rights are held against the recording: see `test_least_privilege.py`.

    When it fails for a good reason, copy what it wrote.
    """
    assert glue.recording.refused() == []
    calls = {ETL: distinct(glue.recording.calls(), RUN_SPECIFIC)[ETL]}
    (s3a.JARS.parent / S3A_RECORDED.name).write_text(written(calls), encoding="utf-8")
    assert calls == json.loads(S3A_RECORDED.read_text(encoding="utf-8"))


def uploading(bucket: Bucket, folder: str, number: int) -> bool:
    """Whether so many files of a folder are uploaded, or being so, and not completed."""
    return sum(key.startswith(folder) for key in bucket.unfinished()) >= number


def moving(bucket: Bucket, before: Collection[str]) -> bool:
    """Whether the first file is at its place."""
    return bool(set(bucket.keys("transformed/")) - set(before))


def end(glue: Glue, scratch: Path, number: signal.Signals, moment: Callable[[], bool]) -> None:
    """Start a run, and end Python and Java by the signal at the moment."""
    scratch.mkdir()
    run = glue.start(scratch, MAX_ROWS_PER_FILE=ROWS_PER_SMALL_FILE)
    try:
        while not moment():
            assert run.poll() is None
            time.sleep(0.001)
    finally:
        os.killpg(run.pid, number)
    assert run.wait(60) == -number
    with contextlib.suppress(ProcessLookupError):  # Java takes its time after SIGTERM
        while True:
            os.killpg(run.pid, 0)
            time.sleep(0.1)


def check_left(bucket: Bucket, before: dict[str, list[str]], rows: list[str]) -> None:
    """Make sure that the CSV before is whole, and what else is left is in folders of the run.

    While files are moved, some of the new ones are there beside the old ones.
    """
    csv = bucket.csv()
    new = [line for key, lines in csv.items() if key not in before for line in lines[1:]]
    assert {key: lines for key, lines in csv.items() if key in before} == before
    assert new == rows[: len(new)]
    own = ("transformed-staging/run-", "rejected/run-")
    assert all(key.startswith(own) for key in bucket.leftovers())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_run_that_is_ended_leaves_the_csv_and_uploads_that_the_bucket_aborts(
    glue: Glue, expected: Result, tmp_path: Path, number: signal.Signals
) -> None:
    """Personalize would import half a CSV, or S3 bill for uploads that nobody sees.

    The next run deletes what was staged. Incomplete uploads are not objects: they stay
    until the bucket's rule aborts them, see below.
    """
    bucket, rows = glue.bucket, csv_lines_of(expected.rows)
    assert glue.run().error == ""
    writing = [("rejected/", 1), *(("transformed-staging/", n) for n in (1, 12, 24))]
    for n in range(len(writing) + 1):
        before = bucket.csv()
        moment = (
            partial(uploading, bucket, *writing[n])
            if n < len(writing)
            else partial(moving, bucket, before)
        )
        end(glue, tmp_path / str(n), number, moment)
        left = bucket.unfinished()
        check_left(bucket, before, rows)
        assert glue.run().error == ""
        assert [line for lines in bucket.csv().values() for line in lines[1:]] == rows
        assert bucket.leftovers() == left
        abort(bucket)
    assert glue.recording.refused() == []


def test_the_bucket_aborts_uploads_that_are_not_completed(template: dict[str, Any]) -> None:
    """Of all keys, after a day: a run that was killed leaves some, and no other run aborts them."""
    bucket = template["Resources"]["DataBucket"]["Properties"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule.pop("AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 1}
    assert rule.pop("Status") == "Enabled"
    assert "Prefix" not in rule
    assert not [name for name in rule if "Filter" in name]
