"""The embedded AWS's Glue, by its own API: what it does with a job that Glue would do too."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.glue import BUCKET, LOGS, Aws
from tests.support.live_job import HELPER, SCRIPT
from tests.support.policies import policy

EVENT = {
    "messageId": "1",
    "event": "Product Clicked",
    "userId": "anna",
    "timestamp": "2016-06-21T10:00:45.123Z",
    "properties": {"sku": "shoe"},
}
WAITING = "import time\nprint('waiting', flush=True)\ntime.sleep(600)\n"


@pytest.fixture(scope="module")
def aws(owner: boto3.Session, account: str) -> Aws:
    """An embedded AWS with the bucket, the log groups and the role of a job."""
    # Without validation a test may ask for a timeout of less than a minute.
    config = Config(proxies={}, parameter_validation=False)
    names: Any = ("s3", "glue", "logs", "iam")
    aws = Aws(**{name: owner.client(name, config=config) for name in names}, account=account)
    aws.s3.create_bucket(Bucket=BUCKET)
    for name in ("output", "error"):
        aws.logs.create_log_group(logGroupName=f"{LOGS}/{name}")
    aws.role("Job", "segment-logs*", "scripts/*", "transformed*", "rejected*")
    body = json.dumps(EVENT).encode()
    aws.s3.put_object(Bucket=BUCKET, Key="segment-logs/web/1/a.json", Body=body)
    aws.s3.put_object(Bucket=BUCKET, Key=f"scripts/{HELPER.name}", Body=HELPER.read_bytes())
    return aws


@pytest.mark.slow
def test_the_three_paths_may_be_in_three_buckets_and_have_any_character(aws: Aws) -> None:
    """Whoever keeps raw data apart would read of a wrong file system, after a whole run.

    A prefix with a blank or a bracket is read and written where it says. All but a colon: the
    file system that stands for S3 here cannot have one. S3A can.
    """
    folder = "odd (a) [b] {c,d} + @ & = ' % # %20 größe*"
    job = aws.job("Apart", SCRIPT.read_text(encoding="utf-8"), aws.role("Apart", "scripts/*"))
    paths: dict[str, str] = {}
    for name in ("S3_JSON_INPUT_PATH", "S3_CSV_OUTPUT_PATH", "S3_REJECTED_PATH"):
        bucket = f"apart-{len(paths)}"
        aws.s3.create_bucket(Bucket=bucket)
        paths[f"--{name}"] = f"s3://{bucket}/{folder}"
    allowed = {"Action": "s3:*", "Resource": "arn:aws:s3:::apart-*"}
    aws.iam.put_role_policy(RoleName="Apart", PolicyName="S3", PolicyDocument=policy(allowed))
    key = f"{folder}/web/1466467200000/a b?.json"
    aws.s3.put_object(Bucket="apart-0", Key=key, Body=json.dumps(EVENT).encode() + b"\n{")

    run = aws.run(job, Arguments={**paths, "--START_DATE": "2016-06-21"})

    assert run["JobRunState"] == "SUCCEEDED", run
    assert "ErrorMessage" not in run
    (csv,), rejected = (
        [each["Key"] for each in aws.s3.list_objects_v2(Bucket=bucket)["Contents"]]
        for bucket in ("apart-1", "apart-2")
    )
    assert re.fullmatch(r"run-\d+-part-r-00000\.csv", csv.removeprefix(f"{folder}/"))
    assert aws.s3.get_object(Bucket="apart-1", Key=csv)["Body"].read().count(b"anna") == 1
    name = csv.removeprefix(f"{folder}/").removesuffix("-part-r-00000.csv")
    started, *_, finished = aws.log(run, "output")
    assert started == f"{name} started"
    assert re.fullmatch(rf"{name} finished after \d+ seconds", finished)
    assert len(rejected) == 2  # the record and the accounting
    assert all(key.startswith(f"{folder}/run-") for key in rejected)


def test_a_script_that_fails_is_failed_with_its_error_and_its_traceback(aws: Aws) -> None:
    """A broken script would pass the rehearsal, or fail without saying why."""
    job = aws.job("Fails", "import sys\nprint(sys.argv)\nraise ValueError('no such luck')\n")
    run = aws.run(job, Arguments={"--MODE": "two words"})
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == "ValueError: no such luck"
    assert "Traceback (most recent call last):" in aws.log(run, "error")
    (argv,) = aws.log(run, "output")
    assert "'--MODE', 'two words'" in argv
    assert f"'--JOB_NAME', 'Fails', '--JOB_ID', 'j_Fails', '--JOB_RUN_ID', '{run['Id']}'" in argv


@pytest.mark.slow
def test_a_second_run_is_refused_until_the_first_is_stopped(aws: Aws) -> None:
    """Two participants' clicks would start two runs that remove each other's CSV."""
    job = aws.job("Waits", WAITING)
    run_id = aws.glue.start_job_run(JobName=job)["JobRunId"]
    with pytest.raises(ClientError, match="ConcurrentRunsExceededException"):
        aws.glue.start_job_run(JobName=job)

    answer = aws.glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id, "jr_none"])

    assert [each["JobRunId"] for each in answer["SuccessfulSubmissions"]] == [run_id]
    assert [each["ErrorDetail"]["ErrorCode"] for each in answer["Errors"]] == [
        "EntityNotFoundException"
    ]
    assert aws.ended(job, run_id)["JobRunState"] == "STOPPED"
    second = aws.run(job, Timeout=0.02)  # minutes
    assert second["JobRunState"] == "TIMEOUT"
    assert aws.log(second, "output") == ["waiting"]
    newest = aws.glue.get_job_runs(JobName=job, MaxResults=1)
    assert [run["Id"] for run in newest["JobRuns"]] == [second["Id"]]
    older = aws.glue.get_job_runs(JobName=job, NextToken=newest["NextToken"])
    assert [run["Id"] for run in older["JobRuns"]] == [run_id]
    assert "NextToken" not in older


@pytest.mark.parametrize(
    ("name", "objects", "denied"),
    [
        ("NoScript", ("segment-logs*", "transformed*", "rejected*"), "GetObject"),
        # Spark asks for the path itself before it lists what is below it.
        ("NoFolder", ("scripts/*", "segment-logs/*", "transformed*", "rejected*"), "HeadObject"),
    ],
)
def test_what_the_role_may_not_read_the_job_cannot_read(
    aws: Aws, name: str, objects: tuple[str, ...], denied: str
) -> None:
    """A policy that is too narrow would be found on AWS, in every account at once."""
    run = aws.run(aws.job(name, "print('ran')", aws.role(name, *objects)))
    assert run["JobRunState"] == "FAILED"
    assert denied in run["ErrorMessage"]
    assert "403" in run["ErrorMessage"] or "AccessDenied" in run["ErrorMessage"]
    assert aws.log(run, "error") == [run["ErrorMessage"]]


def test_a_glue_version_with_another_spark_is_refused(aws: Aws) -> None:
    """A job would be rehearsed on a Spark that it will not have."""
    run = aws.run(aws.job("Old", "print('ran')", GlueVersion="4.0"))
    assert run["JobRunState"] == "FAILED"
    assert "asks for Glue 4.0" in run["ErrorMessage"]


def test_a_run_without_log_groups_goes_on_and_makes_none(aws: Aws) -> None:
    """Log groups that no stack owns would outlive the stack."""
    run = aws.run(
        aws.job("Silent", "print('ran')"), Arguments={"--custom-logGroup-prefix": "/aws-glue/none"}
    )
    assert run["JobRunState"] == "SUCCEEDED"
    groups = aws.logs.describe_log_groups(logGroupNamePrefix="/aws-glue/none")["logGroups"]
    assert groups == []


def test_a_job_that_is_not_there_is_not_found(aws: Aws) -> None:
    """A wrong job name would look like a run."""
    for call in (aws.glue.start_job_run, aws.glue.get_job_runs):
        with pytest.raises(ClientError, match="EntityNotFoundException"):
            call(JobName="Missing")


@pytest.mark.parametrize(
    "path", ["FOLDER", "file://FOLDER", "file:FOLDER", "s3://../FOLDER", f"s3://{BUCKET}/../FOLDER"]
)
def test_a_run_reads_buckets_and_nothing_else(aws: Aws, path: str, tmp_path: Path) -> None:
    """Whoever may start the job would read any file of this machine in its rejected records."""
    (tmp_path / "credentials").write_text("aws_secret_access_key = HOSTSECRET\n")
    job = aws.job(f"Outside-{tmp_path.name}", SCRIPT.read_text(encoding="utf-8"))
    before = aws.keys("")
    named = path.replace("FOLDER", str(tmp_path))
    run = aws.run(job, Arguments={"--S3_JSON_INPUT_PATH": named})
    assert run["JobRunState"] == "FAILED"
    assert named in run["ErrorMessage"]
    assert aws.keys("") == before


def test_a_run_writes_no_file_outside_its_folder(aws: Aws, tmp_path: Path) -> None:
    """An object's key would be the name of any file of this machine."""
    key = f"segment-logs/../../../../../../../..{tmp_path}/escaped.txt"
    aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"escaped")
    job = aws.job("Escapes", "print('ran')")
    run = aws.run(job, Arguments={"--S3_JSON_INPUT_PATH": f"s3://{BUCKET}/{key}"})
    aws.s3.delete_object(Bucket=BUCKET, Key=key)
    assert run["JobRunState"] == "FAILED"
    assert list(tmp_path.iterdir()) == []


IMPORTS = "import helper, sys\nprint(helper.__file__)\nprint(helper.WHAT)\n"


def test_a_script_imports_its_extra_python_files(aws: Aws) -> None:
    """On Glue they lie on the Python path: a module as a file, or in a zip as `cdk deploy` has."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("helper.py", "WHAT = 'from a zip'\n")
    for name, body in (("helper.py", b"WHAT = 'from a file'\n"), ("abc.zip", packed.getvalue())):
        aws.s3.put_object(Bucket=BUCKET, Key=f"scripts/{name}", Body=body)
        paths = {
            "--extra-py-files": f"s3://{BUCKET}/scripts/{HELPER.name},s3://{BUCKET}/scripts/{name}"
        }
        run = aws.run(aws.job(f"Imports-{name[:3]}", IMPORTS), Arguments=paths)
        assert run["JobRunState"] == "SUCCEEDED", run
        assert aws.log(run, "output")[1] == f"from a {'zip' if name == 'abc.zip' else 'file'}"


def test_extra_python_files_are_read_with_the_jobs_role(aws: Aws) -> None:
    """A role that may not read the module fails the run, as on Glue."""
    role = aws.role("NoModule", "segment-logs*", "transformed*", "rejected*", "scripts/NoModule.py")
    run = aws.run(aws.job("NoModule", "print('ran')", role))
    assert run["JobRunState"] == "FAILED"
    assert "AccessDenied (GetObject)" in run["ErrorMessage"]


# What a script prints: its Java process, and two settings of Spark.
JAVA = """
from pyspark import SparkContext
context = SparkContext.getOrCreate()
print(context._jvm.java.lang.ProcessHandle.current().pid())
conf = context.getConf()
print(conf.get("spark.hadoop.fs.s3a.endpoint.region"), conf.get("spark.task.cpus"))
"""


@pytest.mark.slow
def test_java_has_the_settings_of_conf_and_is_kept_for_the_next_run_until_it_ends(aws: Aws) -> None:
    """The region of S3A would not reach Spark, every run start Java, or none after it had died."""
    conf = "spark.hadoop.fs.s3a.endpoint.region=eu-west-1 --conf spark.task.cpus=2"
    job = aws.job("Java", JAVA)
    javas: list[str] = []
    for ended in (False, False, True):
        if ended:
            psutil.Process(int(javas[-1])).kill()
        run = aws.run(job, Arguments={"--conf": conf})
        assert run["JobRunState"] == "SUCCEEDED", run
        java, settings = aws.log(run, "output")
        javas.append(java)
        assert settings == "eu-west-1 2"
    assert javas[0] == javas[1] != javas[2]
