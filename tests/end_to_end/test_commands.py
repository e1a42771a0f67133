"""The commands on an environment of the event template, in an account of its own."""

import csv
import io
import json
import os
import shutil
import signal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.checkout import Checkout, session_of
from tests.support.failing_aws import Failing
from tests.support.participant import JOB
from tests.support.stack import LITTLE, create, event_body
from workshop.environment import DEFAULT_STACK

pytestmark = pytest.mark.slow

SCRIPT = "scripts/segment_events_to_csv.py"
NEVER_ENDS = "import time\nprint('run-1 started', flush=True)\ntime.sleep(600)\n"


@pytest.fixture(scope="module")
def environment(
    checkout: Checkout, server: Failing, owner: boto3.Session, account: str
) -> Checkout:
    """A checkout whose commands work on it."""
    create(owner, event_body(LITTLE), DEFAULT_STACK)
    checkout.enter(server, account)
    return checkout


@pytest.fixture
def glue(owner: boto3.Session) -> Any:
    return owner.client("glue")


def newest(glue: Any) -> dict[str, Any]:
    return dict(glue.get_job_runs(JobName=JOB, MaxResults=1)["JobRuns"][0])


def test_query_answers_as_csv(environment: Checkout) -> None:
    """Another program can go on with an answer."""
    answer = environment.run("query", "--csv", "--sql", "SELECT 1 AS one, NULL AS nothing")
    assert answer.stderr.startswith("1 row in ")
    assert list(csv.reader(io.StringIO(answer.stdout))) == [["one", "nothing"], ["1", ""]]


def test_query_has_all_rows_or_says_that_there_are_more(environment: Checkout) -> None:
    """An answer that is cut in silence is a wrong answer."""
    sql = "SELECT messageId FROM segment_logs LIMIT 1234"
    whole = environment.run("query", "--csv", "--sql", sql)
    assert len(whole.stdout.splitlines()) == 1235
    assert "1,234 rows" in whole.stderr
    part = environment.run("query", "--sql", sql, "--limit", "7").stderr
    assert "the first 7 rows" in part
    assert "there are more" in part
    assert "the first 1,000 rows" in environment.run("query", "--sql", sql).stderr


def test_run_job_ends_with_the_record_counts(environment: Checkout, glue: Any) -> None:
    """Once, aligned, and without colour where no terminal is; with the power asked for."""
    done = environment.run("run-job", "--number-of-workers", "7", "--timeout", "9")
    run = newest(glue)
    assert (run["WorkerType"], run["NumberOfWorkers"], run["Timeout"]) == ("G.1X", 7, 9)
    counts = json.loads(environment.run("status", "--json").stdout)["last_run"]["accounting"]
    for number in (counts["records_read"], counts["filtered"]["other event"]):
        assert f"{number:,} \u2502" in done.stdout
    assert "SUCCEEDED" in done.stderr
    assert "records_read" not in done.stderr
    assert "ACCOUNTING" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_a_run_can_be_left_followed_again_and_stopped(
    environment: Checkout, owner: boto3.Session, bucket: str
) -> None:
    """It costs money while nobody looks at it."""
    s3 = owner.client("s3")
    script = s3.get_object(Bucket=bucket, Key=SCRIPT)["Body"].read()
    s3.put_object(Bucket=bucket, Key=SCRIPT, Body=NEVER_ENDS)

    def current() -> dict[str, Any] | None:
        status = json.loads(environment.run("status", "--json").stdout)
        run: dict[str, Any] | None = status["current_run"]
        return run

    process = environment.start("run-job")
    while not (run := current()) or run["state"] != "RUNNING":
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    try:
        assert process.returncode == 130
        assert f"The run {run['id']} continues in Glue" in error
        assert f"{run['id']} is RUNNING" in environment.run("status").stdout
        refused = environment.run("run-job", code=1).stderr
        assert f"workshop --local {environment.port} stop" in refused
        following = environment.start("run-job", "--attach")
        while "started" not in environment.run("logs").stdout:
            assert following.poll() is None
    finally:
        stopped = environment.run("stop", "--json").stdout
    assert json.loads(stopped)["state"] == "STOPPED"
    _, error = following.communicate(timeout=60)
    assert following.returncode == 1
    assert f"{run['id']} is STOPPED" in error
    assert current() is None
    assert "No run is in progress" in environment.run("run-job", "--attach", code=1).stderr
    s3.put_object(Bucket=bucket, Key=SCRIPT, Body=script)


def test_a_failed_job_shows_its_error_and_keeps_the_csv(
    environment: Checkout, owner: boto3.Session, bucket: str
) -> None:
    """The CSV of the run before must survive a wrong argument."""
    s3 = owner.client("s3")
    csv = "transformed/run-1-part-r-00000.csv"
    s3.put_object(Bucket=bucket, Key=csv, Body=b"the run before")
    empty = f"s3://{bucket}/segment-logs/nothing-here/"
    error = environment.run("run-job", "--S3_JSON_INPUT_PATH", empty, code=1).stderr
    assert error.count("PATH_NOT_FOUND") == 1
    assert f"workshop --local {environment.port} logs jr_" in error
    assert "Traceback" in environment.run("-v", "logs").stdout
    assert s3.get_object(Bucket=bucket, Key=csv)["Body"].read() == b"the run before"
    assert csv in environment.run("fallback", code=1).stderr  # Personalize would import both
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix="transformed/")["Contents"]:
        s3.delete_object(Bucket=bucket, Key=entry["Key"])
    ready_made = "transformed/run-0-part-r-00000.csv"
    for _ in range(2):
        assert ready_made in environment.run("fallback").stdout
    assert b"\nuser-" in s3.get_object(Bucket=bucket, Key=ready_made)["Body"].read()
    s3.delete_object(Bucket=bucket, Key=ready_made)
    status = json.loads(environment.run("status", "--json").stdout)
    assert status["last_run"]["state"] == "FAILED"


def test_another_account_reads_nothing(environment: Checkout, server: Failing, bucket: str) -> None:
    """IAM is on: a stranger's credentials do not read the data."""
    stranger = session_of(server, "999988887777")
    with pytest.raises(ClientError, match="AccessDenied"):
        stranger.client("s3", endpoint_url=environment.endpoint).list_objects_v2(Bucket=bucket)


def test_a_second_copy_fits_into_the_same_account(
    environment: Checkout, server: Failing, owner: boto3.Session, bucket: str
) -> None:
    """Fixed names would clash; and Segment's role is there when a workspace is given."""
    given = {"BucketSuffix": "b", "SegmentWorkspaceId": "workspace1"}
    create(owner, event_body(LITTLE), "Second", **given)
    second = json.loads(environment.run("status", "--stack", "Second", "--json").stdout)["outputs"]
    assert second["BucketName"] == f"{bucket}-b"
    assert second["DatabaseName"] == "segment_personalize_b"
    assert second["JobName"] == f"{JOB}-b"
    assert second["WorkgroupName"] == "segment-personalize-b"
    role = owner.client("iam").get_role(RoleName=second["SegmentRoleArn"].rsplit("/", 1)[-1])
    assert "workspace1" in json.dumps(role["Role"]["AssumeRolePolicyDocument"])
    owner.client("glue").delete_job(JobName=second["JobName"])
    broken = environment.run("status", "--stack", "Second", code=1).stderr
    assert "1 of 5 checks do not hold: Job (GetJob says" in broken
    shutil.copy(server.folder / "server.json", environment.server.folder)  # as if `up` started it
    ended = environment.run("down", "--stack", "Second", "--yes").stderr
    assert "nothing left" in ended  # of Second; all of the first copy stays
    assert environment.port_is_open()
