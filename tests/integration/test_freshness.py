"""Whether the CSV, the record counts and the logs are of the same data."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from stacks import outputs
from tests.support.checkout import signed_in
from tests.support.failing_aws import Failing
from tests.support.shell import Shell
from tests.support.stack import bare_environment
from tests.support.stubs import stubbed
from tests.support.summaries import COUNTED
from workshop import freshness, job, summary
from workshop.account import Account
from workshop.accounting import PREFIX, Accounting
from workshop.environment import Environment
from workshop.freshness import Data
from workshop.job import JobRun
from workshop.job_log import LogTail

BUCKET = "personalize-data-fresh"
ENVIRONMENT = Environment(
    "One", "arn:one", "CREATE_COMPLETE", {outputs.BUCKET: BUCKET, outputs.JOB: "job"}
)
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def ms(seconds: float) -> int:
    """Epoch milliseconds, so many seconds after the run began."""
    return int((BEGAN + timedelta(seconds=seconds)).timestamp() * 1000)


def finished(state: str, started: float, ended: float) -> JobRun:
    return JobRun("jr_1", state, 9, ms(started), ms(ended))


@pytest.mark.parametrize(
    ("data", "newest", "complaint"),
    [
        (Data(ms(5), ms(0), 9), finished("SUCCEEDED", 1, 9), ""),
        (Data(ms(5), ms(6), 9), finished("SUCCEEDED", 1, 9), "older than the newest logs"),
        (Data(ms(5), ms(0), 9), finished("FAILED", 20, 30), "older than the run jr_1"),
        (Data(ms(5), ms(0), 9), finished("TIMEOUT", 20, 30), "older than the run jr_1"),
        (Data(ms(5), ms(0), 9), finished("FAILED", 1, 2), ""),
        (Data(ms(5), ms(0), 9), None, ""),
        (Data(0, ms(6), 9), finished("FAILED", 20, 30), ""),
    ],
    ids=["fresh", "logs", "failed", "timeout", "failed before", "no run", "no csv"],
)
def test_a_csv_that_is_older_than_what_is_there_is_said(
    data: Data, newest: JobRun | None, complaint: str
) -> None:
    """Yesterday's CSV would be imported for today's logs."""
    assert complaint in data.complaint(newest)
    assert bool(data.complaint(newest)) == bool(complaint)


@pytest.mark.parametrize(
    ("data", "counted", "complaint"),
    [
        (Data(ms(5), ms(0), 9), True, ""),
        (Data(ms(5), ms(6), 9), False, "older than the newest logs"),
        (Data(ms(50), ms(0), 9), False, "not of the run"),
        (Data(0, ms(0), 9), False, "not of the run"),
    ],
    ids=["the run's", "newer logs", "another run's", "none"],
)
def test_a_report_has_the_counts_of_its_own_data_only(
    data: Data,
    counted: bool,  # noqa: FBT001 - a column of the table
    complaint: str,
) -> None:
    """100,000 records read would stand beside queries over 3,000."""
    run = replace(finished("SUCCEEDED", 1, 9), accounting=Accounting(**COUNTED))
    shown = summary._matched(run, data, data.complaint(run))  # noqa: SLF001
    assert bool(shown.accounting) == counted
    assert complaint in shown.complaint
    assert bool(shown.complaint) == bool(complaint)


@pytest.fixture(scope="module")
def session(owner: boto3.Session) -> boto3.Session:
    owner.client("s3").create_bucket(Bucket=BUCKET)
    return owner


@pytest.fixture
def put(session: boto3.Session) -> Iterator[Callable[[str, str], None]]:
    """Put a text into the bucket; it is empty afterwards."""

    def write(key: str, text: str) -> None:
        session.client("s3").put_object(Bucket=BUCKET, Key=key, Body=text.encode())

    yield write
    session.resource("s3").Bucket(BUCKET).objects.delete()


def test_the_csv_tells_when_its_run_began(
    session: boto3.Session, put: Callable[[str, str], None]
) -> None:
    """S3's own time of a file is that of its end: logs may have come while the run read."""
    account = Account(session, None)
    assert freshness.look(account, ENVIRONMENT) == Data(0, 0, 0)
    for name in (f"run-{ms(7)}-part-r-00001.csv", f"run-{ms(5)}-part-r-00000.csv", "note.txt", ""):
        put(f"transformed/{name}", "x")
    put("segment-logs/ios/1/1.gz", "x")
    found = freshness.look(account, ENVIRONMENT)
    assert (found.csv, found.files) == (ms(5), 1)
    assert abs(found.logs / 1000 - datetime.now(UTC).timestamp()) < 60


@pytest.mark.parametrize(
    ("folder", "text", "rows", "complaint"),
    [
        (ms(5), json.dumps(COUNTED, indent=2), 3, ""),
        (ms(5), "{bad", None, "cannot be read"),
        (ms(50), json.dumps(COUNTED), None, ""),
        (ms(-5), json.dumps(COUNTED), None, ""),
    ],
    ids=["the run's", "edited", "a later run's", "an earlier run's"],
)
def test_without_a_log_the_counts_are_read_from_the_bucket(  # noqa: PLR0913 - a table's columns
    session: boto3.Session,
    put: Callable[[str, str], None],
    *,
    folder: int,
    text: str,
    rows: int | None,
    complaint: str,
) -> None:
    """A log group that is missing, or that Glue could not write to, costs the record counts."""
    put(f"rejected/run-{folder}/accounting.json", text)
    put(f"rejected/run-{folder}/part-00000.json", "x")
    record = {
        "Id": "jr_1",
        "JobRunState": "SUCCEEDED",
        "ExecutionTime": 9,
        "StartedOn": BEGAN,
        "CompletedOn": BEGAN + timedelta(seconds=9),
    }
    with stubbed("glue", session) as (account, stubber):
        stubber.add_response("get_job_runs", {"JobRuns": [record]}, {"JobName": "job"})
        run = job.last_run(account, ENVIRONMENT)
    assert run
    assert (run.accounting.rows_written if run.accounting else None) == rows
    assert complaint in run.complaint
    assert bool(run.complaint) == bool(complaint)


def test_status_and_verify_say_that_the_csv_is_older(server: Failing, tmp_path: Path) -> None:
    """Nobody would know it who only looks at the checks."""
    shell, bucket = Shell(tmp_path), "personalize-data-older"
    with signed_in(server) as owner, bare_environment(owner, "Older", bucket):
        for key in ("transformed/run-1-part-r-00000.csv", "segment-logs/ios/1/1.gz"):
            owner.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
        for command in ("status", "verify"):
            words = [command, "--stack", "Older"]
            answer = shell.run(*words, code=1, env=server.client_environment())  # for its checks
            said = answer.stdout + answer.stderr
            assert "The CSV is older than the newest logs: workshop" in said


@pytest.mark.parametrize(
    ("printed", "errors", "shown"),
    [
        (["Traceback ...", "ValueError: no record was kept"], ["INFO Spark"], "ValueError"),
        (["pyspark.errors.AnalysisException: no"], ["INFO Spark"], "AnalysisException"),
        (["started 1"], ["OutOfMemoryError: Java heap space"], "OutOfMemoryError"),
        (["started 1"], [], "started 1"),
    ],
    ids=["traceback", "spark's", "daemon", "neither"],
)
def test_a_failed_run_shows_the_traceback_and_not_spark_s_own_log(
    session: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
    printed: list[str],
    errors: list[str],
    shown: str,
) -> None:
    """Glue ships the script's traceback to the group `output`, and Spark's noise to `error`."""
    monkeypatch.setattr(
        LogTail,
        "new_lines",
        lambda tail: iter(printed if tail.group.endswith("/output") else errors),
    )
    record = {"Id": "jr_1", "JobRunState": "FAILED", "StartedOn": BEGAN, "CompletedOn": BEGAN}
    with stubbed("glue", session) as (account, stubber):
        stubber.add_response("get_job_run", {"JobRun": record})
        run = job.wait(account, ENVIRONMENT, "jr_1", lambda _state, _lines: None)
    assert shown in run.log[-1]


def test_spark_s_own_log_is_read_after_a_failure_only(
    session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each account of a fleet megabytes would be read, once a second."""
    read: list[str] = []

    def new_lines(tail: LogTail) -> Iterator[str]:
        read.append(tail.group)
        return iter([f"{PREFIX}{json.dumps(COUNTED)}"])

    monkeypatch.setattr(LogTail, "new_lines", new_lines)
    record = {"Id": "jr_1", "JobRunState": "SUCCEEDED", "StartedOn": BEGAN, "CompletedOn": BEGAN}
    with stubbed("glue", session) as (account, stubber):
        stubber.add_response("get_job_run", {"JobRun": record})
        run = job.wait(account, ENVIRONMENT, "jr_1", lambda _state, _lines: None)
    assert run.accounting
    assert read == ["/aws-glue/job/output"]
