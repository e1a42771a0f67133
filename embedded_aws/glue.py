"""Runs Glue Spark jobs in MiniStack, which by itself reports them as done and runs nothing.

A run does what Glue does, in Glue's order: it takes the job's script from S3, gives it the job's
arguments, lets it read and write `s3://` paths, and writes its log to CloudWatch Logs. All of it
goes through the embedded AWS's own endpoint with credentials of the job's role, so the role's
policies decide here what they would decide on AWS.
"""

import atexit
import contextvars
import json
import os
import re
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from embedded_aws import role_session
from embedded_aws.spark import GLUE_VERSION, QUICK_START, Finished, ScriptRun
from workshop.errors import WorkshopError

if TYPE_CHECKING:
    from types_boto3_logs.client import CloudWatchLogsClient
    from types_boto3_logs.type_defs import InputLogEventTypeDef
    from types_boto3_s3.client import S3Client

# MiniStack's answer to a request: status, headers, body.
Response = tuple[int, dict[str, str], bytes]
Record = dict[str, Any]

UNDER_WAY = ("STARTING", "RUNNING", "STOPPING")
DEFAULT_LOG_GROUPS = "/aws-glue/jobs"
_DEFAULT_TIMEOUT_MINUTES = 480
_TRANSFERS_AT_ONCE = 8
_TICK_SECONDS = 0.1
_LOG_FLUSH_SECONDS = 1.0
# Arguments that are paths for Glue itself, not for the script's data.
_GLUES_OWN_PATHS = ("--TempDir", "--scriptLocation", "--spark-event-logs-path", "--extra-py-files")

# As S3's rules for bucket names have it (userguide/bucketnamingrules.html).
_BUCKET_NAME = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

_runs: dict[str, "_Run"] = {}
_start_lock = threading.Lock()


def install() -> None:
    """Make MiniStack run `glueetl` jobs, stop them, and list runs as Glue does."""
    from ministack.services import glue

    start_others = glue._start_job_run

    def start_job_run(data: Record) -> Response:
        job = glue._jobs.get(data.get("JobName"))
        if job is None or job["Command"].get("Name") != "glueetl":
            return start_others(data)  # type: ignore[no-any-return]
        return _start(job, data, glue._job_runs.setdefault(job["Name"], []))

    def batch_stop_job_run(data: Record) -> Response:
        return _stop(data, glue._job_runs.get(data.get("JobName"), []))

    def get_job_runs(data: Record) -> Response:
        return _list(data, glue._job_runs.get(data.get("JobName")))

    glue._start_job_run = start_job_run
    glue._batch_stop_job_run = batch_stop_job_run
    glue._get_job_runs = get_job_runs
    atexit.register(_end_all)


def _start(job: Record, data: Record, runs: list[Record]) -> Response:
    limit = job.get("ExecutionProperty", {}).get("MaxConcurrentRuns", 1)
    with _start_lock:
        if sum(record["JobRunState"] in UNDER_WAY for record in runs) >= limit:
            return _error(
                "ConcurrentRunsExceededException", f"Concurrent runs exceeded for {job['Name']}"
            )
        now = time.time()
        record: Record = {
            "Id": f"jr_{secrets.token_hex(32)}",
            "Attempt": 0,
            "JobName": job["Name"],
            "StartedOn": now,
            "LastModifiedOn": now,
            "JobRunState": "STARTING",
            "Arguments": data.get("Arguments", {}),
            "PredecessorRuns": [],
            "ExecutionTime": 0,
            "Timeout": data.get("Timeout") or job.get("Timeout") or _DEFAULT_TIMEOUT_MINUTES,
            "WorkerType": data.get("WorkerType") or job.get("WorkerType"),
            "NumberOfWorkers": data.get("NumberOfWorkers") or job.get("NumberOfWorkers"),
            "GlueVersion": job.get("GlueVersion"),
            "LogGroupName": DEFAULT_LOG_GROUPS,
        }
        runs.append(record)
    run = _Run(job, record)
    _runs[record["Id"]] = run
    # A thread has no context of its own: account and region of the request go with it.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run.execute,), daemon=True).start()
    return _answer({"JobRunId": record["Id"]})


def _stop(data: Record, records: list[Record]) -> Response:
    name, by_id = data["JobName"], {record["Id"]: record for record in records}
    stopped: list[Record] = []
    errors: list[Record] = []
    for run_id in data["JobRunIds"]:
        entry = {"JobName": name, "JobRunId": run_id}
        state = by_id.get(run_id, {}).get("JobRunState")
        if state in UNDER_WAY and run_id in _runs:
            _runs[run_id].stop()
            stopped.append(entry)
        else:
            code, message = (
                ("InvalidInputException", f"The run is {state}")
                if state
                else ("EntityNotFoundException", "There is no such run of the job")
            )
            errors.append(entry | {"ErrorDetail": {"ErrorCode": code, "ErrorMessage": message}})
    return _answer({"SuccessfulSubmissions": stopped, "Errors": errors})


def _list(data: Record, records: list[Record] | None) -> Response:
    """Newest first, as Glue lists them, in pages of `MaxResults`."""
    if records is None:
        return _error("EntityNotFoundException", f"Job {data.get('JobName')} not found")
    begin = int(data.get("NextToken") or 0)
    end = begin + (data.get("MaxResults") or 200)
    page: Record = {"JobRuns": records[::-1][begin:end]}
    return _answer(page | ({"NextToken": str(end)} if end < len(records) else {}))


def _end_all() -> None:
    """The server ends: no run outlives it."""
    for run in _runs.values():
        run.stop()


class _Run:
    """One run of a job, in a thread of its own; its record is what GetJobRun shows."""

    def __init__(self, job: Record, record: Record) -> None:
        self._job = job
        self._record = record
        self._stopped = threading.Event()
        self._ending = threading.Lock()
        self._script_run: ScriptRun | None = None

    def stop(self) -> None:
        """Ask the run to end; it is STOPPED once its process has ended."""
        with self._ending:
            if self._record["JobRunState"] not in UNDER_WAY:
                return
            self._record["JobRunState"] = "STOPPING"
            self._stopped.set()
        if self._script_run:
            self._script_run.terminate()

    def execute(self) -> None:
        """Run from STARTING to an end state."""
        state, message = "FAILED", "The embedded Glue failed: see the log of the embedded AWS"
        try:
            state, message = self._logged_run()
        finally:
            self._finish(state, message)
            del _runs[self._record["Id"]]

    def _logged_run(self) -> tuple[str, str]:
        session = _role_session(self._job["Role"])
        arguments = self._arguments()
        prefix = arguments.get("--custom-logGroup-prefix", DEFAULT_LOG_GROUPS)
        log = _RunLog(session.logs, prefix, self._record["Id"])
        try:
            state, message = self._run(session.s3, arguments, log)
        except ClientError as error:
            state, message = "FAILED", _reason(error)
        except (BotoCoreError, OSError, WorkshopError) as error:
            state, message = "FAILED", f"{type(error).__name__}: {error}"
        if message:
            log("error", message)
        log.flush()
        return state, message

    def _run(self, s3: "S3Client", arguments: Mapping[str, str], log: "_RunLog") -> tuple[str, str]:
        if self._job.get("GlueVersion") != GLUE_VERSION:
            return "FAILED", (
                f"This machine has the Spark of Glue {GLUE_VERSION}, "
                f"and the job asks for Glue {self._job.get('GlueVersion')}"
            )
        with tempfile.TemporaryDirectory(prefix="glue-run-") as scratch:
            folder = Path(scratch)
            script = _fetched(s3, self._job["Command"]["ScriptLocation"], folder / "script.py")
            modules = [
                _fetched(s3, path, folder / "modules" / path.rpartition("/")[2])
                for path in arguments.get("--extra-py-files", "").split(",")
                if path
            ]
            data = _Data(s3, folder / "buckets", _data_paths(arguments))
            data.copy_down()
            finished = self._run_script(script, modules, arguments, data, log)
            data.copy_up()
        if self._stopped.is_set():
            return "STOPPED", ""
        if finished is None:
            return "TIMEOUT", f"The run took longer than {self._record['Timeout']} minutes"
        return ("SUCCEEDED", "") if finished.succeeded else ("FAILED", finished.error_message)

    def _run_script(
        self,
        script: Path,
        modules: list[Path],
        arguments: Mapping[str, str],
        data: "_Data",
        log: "_RunLog",
    ) -> Finished | None:
        """Run the script to its end; None when the time was up."""
        words = [word for item in arguments.items() for word in item]
        run = ScriptRun(
            script,
            words,
            python_files=modules,
            buckets=data.buckets,
            java_options=QUICK_START,
            settings=_spark_settings(arguments.get("--conf", "")),
            log=log,
        )
        self._script_run = run
        with self._ending:
            if self._stopped.is_set():
                run.terminate()
            else:
                self._record["JobRunState"] = "RUNNING"
        deadline = time.monotonic() + self._record["Timeout"] * 60
        while True:
            data.look()
            log.flush_now_and_then()
            try:
                return run.wait(_TICK_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    run.terminate()
                    run.wait()
                    return None

    def _arguments(self) -> dict[str, str]:
        """The script's arguments: the job's, the run's over them, then Glue's own."""
        return {
            **self._job.get("DefaultArguments", {}),
            **self._record["Arguments"],
            **self._job.get("NonOverridableArguments", {}),
            "--JOB_NAME": self._job["Name"],
            "--JOB_ID": f"j_{self._job['Name']}",
            "--JOB_RUN_ID": self._record["Id"],
        }

    def _finish(self, state: str, message: str) -> None:
        now = time.time()
        with self._ending:
            self._record |= {
                "CompletedOn": now,
                "LastModifiedOn": now,
                "ExecutionTime": round(now - self._record["StartedOn"]),
                **({"ErrorMessage": message} if message else {}),
            }
            self._record["JobRunState"] = state  # last: who waits for it reads the rest


class _Data:
    """The objects below the `s3://` paths of a run's arguments, as files.

    Args:
        s3: the client of the job's role.
        folder: where the files go, one folder a bucket.
        paths: bucket and key of each path.
    """

    def __init__(self, s3: "S3Client", folder: Path, paths: list[tuple[str, str]]) -> None:
        self.buckets = {bucket: folder / bucket for bucket, _ in paths}
        self._s3 = s3
        self._paths = paths
        self._copied: dict[Path, tuple[int, int]] = {}
        self._seen: set[Path] = set()

    def copy_down(self) -> None:
        """Copy every object below the paths.

        Raises:
            ClientError: the role may not list or read them, or a bucket is missing.
        """
        for folder in self.buckets.values():
            folder.mkdir(parents=True)
        with ThreadPoolExecutor(_TRANSFERS_AT_ONCE) as pool:
            objects = {found for path in self._paths for found in self._objects(*path)}
            for file, stamp in pool.map(lambda found: self._download(*found), sorted(objects)):
                self._copied[file] = stamp
        self._seen = set(self._siblings())

    def look(self) -> None:
        """Note the folders that the script has made beside its paths."""
        self._seen.update(self._siblings())

    def copy_up(self) -> None:
        """Copy new and changed files up and delete the objects whose files have gone.

        Raises:
            ClientError: the role may not write or delete them.
        """
        for folder in sorted(self._seen):
            # Made and removed again: on AWS there were objects below it, so the role needs to be
            # allowed to write and delete there.
            if not folder.exists():
                bucket, key = self._address(folder)
                self._s3.put_object(Bucket=bucket, Key=f"{key}/", Body=b"")
                self._s3.delete_object(Bucket=bucket, Key=f"{key}/")
        present = {
            file for folder in self.buckets.values() for file in folder.rglob("*") if file.is_file()
        }
        for file in sorted(present):
            if self._copied.get(file) != _stamp(file):
                bucket, key = self._address(file)
                with file.open("rb") as body:
                    self._s3.put_object(Bucket=bucket, Key=key, Body=body)
        for file in sorted(self._copied.keys() - present):
            bucket, key = self._address(file)
            self._s3.delete_object(Bucket=bucket, Key=key)

    def _objects(self, bucket: str, key: str) -> Iterator[tuple[str, str]]:
        """The path as Spark's S3 connector sees it: an object of that name, or a folder."""
        if key and self._is_object(bucket, key):
            yield bucket, key
            return
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{key}/" if key else ""
        )
        for page in pages:
            for found in page.get("Contents", []):
                # A key with an empty, "." or ".." part has no file name (nor a Hadoop path).
                if not {"", ".", ".."} & set(found["Key"].split("/")):
                    yield bucket, found["Key"]

    def _is_object(self, bucket: str, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            return False
        return True

    def _download(self, bucket: str, key: str) -> tuple[Path, tuple[int, int]]:
        file = self.buckets[bucket] / key
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as target:
            for chunk in self._s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
                target.write(chunk)
        return file, _stamp(file)

    def _siblings(self) -> Iterator[Path]:
        for bucket, key in self._paths:
            beside = (self.buckets[bucket] / key).parent if key else self.buckets[bucket]
            if beside.is_dir():
                yield from (path for path in beside.iterdir() if path.is_dir())

    def _address(self, path: Path) -> tuple[str, str]:
        for bucket, folder in self.buckets.items():
            if path.is_relative_to(folder):
                return bucket, path.relative_to(folder).as_posix()
        raise ValueError(path)


class _RunLog:
    """The two log streams of a run, written in batches.

    A line is lost when its log group is missing and the role may not create it, as on AWS: a run
    does not fail for its log.
    """

    def __init__(self, logs: "CloudWatchLogsClient", prefix: str, stream: str) -> None:
        self._logs = logs
        self._prefix = prefix
        self._stream = stream
        self._waiting: dict[str, list[InputLogEventTypeDef]] = {"output": [], "error": []}
        self._lock = threading.Lock()
        self._flushed = time.monotonic()
        for group in (f"{prefix}/output", f"{prefix}/error"):
            self._make_stream(group)

    def __call__(self, name: Literal["output", "error"], line: str) -> None:
        """Take a line; CloudWatch Logs has no empty ones."""
        if line.strip():
            with self._lock:
                event: InputLogEventTypeDef = {
                    "timestamp": time.time_ns() // 1_000_000,
                    "message": line,
                }
                self._waiting[name].append(event)

    def flush_now_and_then(self) -> None:
        """Write what has come, about once a second."""
        if time.monotonic() - self._flushed > _LOG_FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has come."""
        self._flushed = time.monotonic()
        with self._lock:
            waiting, self._waiting = self._waiting, {"output": [], "error": []}
        for name, events in waiting.items():
            if events:
                write = partial(
                    self._logs.put_log_events,
                    logGroupName=f"{self._prefix}/{name}",
                    logStreamName=self._stream,
                    logEvents=events,
                )
                _attempt(write)

    def _make_stream(self, group: str) -> None:
        make = partial(self._logs.create_log_stream, logGroupName=group, logStreamName=self._stream)
        if _attempt(make) == "ResourceNotFoundException":
            _attempt(partial(self._logs.create_log_group, logGroupName=group))
            _attempt(make)


def _attempt(call: Callable[[], object]) -> str:
    """Call and return "" or the code of the error that AWS answered."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


@dataclass(frozen=True)
class _RoleSession:
    s3: "S3Client"
    logs: "CloudWatchLogsClient"


def _role_session(role: str) -> _RoleSession:
    """Clients of the embedded AWS that act as the job's role, as Glue's own session does.

    Args:
        role: the job's role, its name or its ARN.
    """
    from ministack.core.responses import get_account_id, get_region

    made = role_session.assume(get_account_id(), role, "GlueJobRunnerSession")
    as_role = boto3.session.Session(*made, get_region())
    endpoint = f"http://{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"
    config = Config(proxies={}, s3={"addressing_style": "path"})
    return _RoleSession(
        s3=as_role.client("s3", endpoint_url=endpoint, config=config),
        logs=as_role.client("logs", endpoint_url=endpoint, config=config),
    )


def _fetched(s3: "S3Client", path: str, file: Path) -> Path:
    """Copy an object to a file, as the job's role."""
    bucket, key = _bucket_and_key(path)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return file


def _spark_settings(conf: str) -> dict[str, str]:
    """Read Glue's `--conf`: `name=value`, more of them as ` --conf name=value` behind it."""
    pairs = [setting.strip().partition("=") for setting in conf.split("--conf")]
    return {name: value for name, _, value in pairs if name}


def _data_paths(arguments: Mapping[str, str]) -> list[tuple[str, str]]:
    """Bucket and key of each path of the script's data.

    Raises:
        WorkshopError: a path of data that does not lead to a bucket, but into this machine.
    """
    for name, value in arguments.items():
        if re.fullmatch(r"--S3_\w+_PATH", name) and not value.startswith("s3://"):
            raise WorkshopError(f"{name} {value} does not begin with s3://", "Name a bucket")
    return [
        _bucket_and_key(value)
        for name, value in arguments.items()
        if value.startswith("s3://") and name not in _GLUES_OWN_PATHS
    ]


def _bucket_and_key(path: str) -> tuple[str, str]:
    """The two parts of an S3 path, which name a folder and a file of the run here.

    Raises:
        WorkshopError: either would lead out of the run's own folder.
    """
    bucket, _, key = path.removeprefix("s3://").partition("/")
    if not _BUCKET_NAME.fullmatch(bucket) or {".", ".."} & {*key.split("/")}:
        raise WorkshopError(f"{path} is not a path of S3", "Name a bucket and a key")
    return bucket, key.strip("/")


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _reason(error: ClientError) -> str:
    detail = error.response["Error"]
    return f"{detail['Code']} ({error.operation_name}): {detail['Message']}"


def _answer(body: Record, status: int = 200) -> Response:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return status, headers, json.dumps(body).encode()


def _error(code: str, message: str) -> Response:
    return _answer({"__type": code, "message": message}, 400)
