"""The participants' policy, embedded: the exercise goes through, the environment stays."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.glue import ended_run, run_of
from tests.support.participant import (
    DATABASE,
    JOB,
    SCRIPT,
    WORKGROUP,
    Client,
    clients,
    do_the_exercise,
    ended,
    go_on_without_the_job,
    participant,
)
from tests.support.stack import create, event_body
from workshop.interactions import Interactions
from workshop.verification import checks

Cloud = tuple[Client, Client]


@pytest.fixture(scope="module")
def cloud(owner: boto3.Session) -> Cloud:
    """The clients of the account's owner and of a participant; the stack is there."""
    create(owner, event_body(", 3, 6000"))  # enough to train on
    return clients(owner), participant(owner)


def test_the_exercise_goes_through(cloud: Cloud) -> None:
    """A hundred people would read AccessDenied at the first step."""
    _, client = cloud
    do_the_exercise(client)


def csv_files(s3: Any, bucket: str) -> dict[str, bytes]:
    """What is in the folder that Personalize imports, by name."""
    found = s3.list_objects_v2(Bucket=bucket, Prefix="transformed/").get("Contents", [])
    return {
        entry["Key"].removeprefix("transformed/"): s3.get_object(Bucket=bucket, Key=entry["Key"])[
            "Body"
        ].read()
        for entry in found
    }


def run_the_job(glue: Any) -> str:
    """Run it to its end when no other run is under way; return the state."""
    for run in glue.get_job_runs(JobName=JOB)["JobRuns"]:
        ended_run(glue, JOB, run["Id"])
    return str(run_of(glue, JOB)["JobRunState"])


@pytest.mark.slow
def test_a_participant_whose_job_fails_goes_on(cloud: Cloud, bucket: str) -> None:
    """Who fails at the job could do none of the pages after it."""
    _, client = cloud
    s3, glue = client("s3"), client("glue")
    script = s3.get_object(Bucket=bucket, Key=SCRIPT)["Body"].read()
    s3.put_object(Bucket=bucket, Key=SCRIPT, Body=b"raise ValueError('broken')\n")
    assert run_the_job(glue) == "FAILED"
    go_on_without_the_job(s3, bucket)
    ((name, ready_made),) = csv_files(s3, bucket).items()
    data = Interactions()
    data.read(name, [ready_made])
    held = checks(data, {name: len(ready_made)}, [])
    assert [check.rule for check in held if not check.passed] == []
    # It is what the job makes of the same logs, and makes room for it.
    s3.put_object(Bucket=bucket, Key=SCRIPT, Body=script)
    assert run_the_job(glue) == "SUCCEEDED"
    ((other, made),) = csv_files(s3, bucket).items()
    assert other != name
    assert made == ready_made


FOREIGN = "payroll-of-others"
OPEN_X = "org.openx.data.jsonserde.JsonSerDe"


@pytest.fixture(scope="module")
def foreign(cloud: Cloud, bucket: str) -> str:
    """A bucket with one object, which the participant may not read, and two tables."""
    owner, _ = cloud
    owner("s3").create_bucket(Bucket=FOREIGN)
    owner("s3").put_object(Bucket=FOREIGN, Key="pay/1.json", Body=b'{"who": "ceo", "pay": 1}')
    owner("s3").put_object(Bucket=bucket, Key="transformed-staging/1.json", Body=b'{"who": "me"}')
    for name, location in (
        ("payroll", f"s3://{FOREIGN}/pay/"),
        ("staged", f"s3://{bucket}/transformed-staging/"),
    ):
        owner("glue").create_table(
            DatabaseName=DATABASE,
            TableInput={
                "Name": name,
                "StorageDescriptor": {
                    "Columns": [{"Name": "who", "Type": "string"}],
                    "Location": location,
                    "SerdeInfo": {"SerializationLibrary": OPEN_X},
                },
            },
        )
    return FOREIGN


@pytest.mark.parametrize(
    ("sql", "action"),
    [
        (f"DROP TABLE {DATABASE}.interactions", "glue:DeleteTable"),
        (f"DROP TABLE IF EXISTS {DATABASE}.segment_logs", "glue:DeleteTable"),
        (f"DROP DATABASE {DATABASE} CASCADE", "glue:DeleteDatabase"),
        ("DROP SCHEMA default", "glue:DeleteDatabase"),
        ("CREATE DATABASE mine", "glue:CreateDatabase"),
        (
            f"CREATE EXTERNAL TABLE {DATABASE}.theirs (who string) LOCATION 's3://{FOREIGN}/pay/'",
            "Access Denied (Service: Amazon S3; Status Code: 403",
        ),
        (
            "CREATE EXTERNAL TABLE others.theirs (who string) LOCATION 's3://BUCKET/rejected/'",
            "glue:CreateTable",
        ),
        (f"SELECT * FROM {DATABASE}.payroll", f"Permission denied on S3 path: s3://{FOREIGN}/pay/"),
        (
            f"SELECT 1 FROM {DATABASE}.segment_logs, {DATABASE}.staged",
            "Path: s3://BUCKET/transformed-staging/1.json",
        ),
    ],
)
@pytest.mark.usefixtures("foreign")
def test_athena_does_nothing_that_its_caller_may_not(
    cloud: Cloud, bucket: str, sql: str, action: str
) -> None:
    """A participant's statement would delete everybody's tables, or read what is not theirs."""
    owner, client = cloud

    def catalog() -> list[str]:
        glue = owner("glue")
        databases = [found["Name"] for found in glue.get_databases()["DatabaseList"]]
        tables = glue.get_tables(DatabaseName=DATABASE)["TableList"]
        return sorted([*databases, *(found["Name"] for found in tables)])

    before = catalog()
    execution = ended(client("athena"), sql.replace("BUCKET", bucket))
    assert execution["Status"]["State"] == "FAILED"
    assert action.replace("BUCKET", bucket) in execution["Status"]["StateChangeReason"]
    assert catalog() == before
    assert {"interactions", "segment_logs"} <= set(before)


@pytest.mark.usefixtures("foreign")
def test_athena_writes_results_where_its_caller_may(cloud: Cloud, bucket: str) -> None:
    """A workgroup that leaves the choice to its clients would write over anybody's objects."""
    owner, client = cloud
    choosing = f"{WORKGROUP}-choosing"
    owner("athena").create_work_group(
        Name=choosing, Configuration={"EnforceWorkGroupConfiguration": False}
    )

    def run(location: str) -> Any:
        return ended(
            client("athena"),
            "SELECT 1",
            WorkGroup=choosing,
            ResultConfiguration={"OutputLocation": location},
        )["Status"]

    assert run(f"s3://{bucket}/athena-results/")["State"] == "SUCCEEDED"
    refused = run(f"s3://{bucket}/transformed/")
    assert refused["State"] == "FAILED"
    assert refused["StateChangeReason"].startswith("Access denied when writing output to url: s3:")
    with pytest.raises(ClientError, match="output bucket"):
        run(f"s3://{FOREIGN}/pay/")
    keys = [
        found["Key"]
        for name, prefix in ((bucket, "transformed/"), (FOREIGN, ""))
        for found in owner("s3").list_objects_v2(Bucket=name, Prefix=prefix).get("Contents", [])
    ]
    assert [key for key in keys if key.endswith((".csv", ".txt")) and "/run-" not in key] == []
