"""Runs Glue Spark jobs in MiniStack, which by itself reports them as done and runs nothing.

A run does what Glue does, in Glue's order: it takes the job's script from S3, gives it the job's
arguments, lets it read and write `s3://` paths, and writes its log to CloudWatch Logs. All of it
goes through the embedded AWS's own endpoint with credentials of the job's role, so the role's
policies decide here what they would decide on AWS.
"""

import contextvars
import json
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from embedded_aws import hooks, role_session
from embedded_aws.glue_data import Data, data_paths, fetched
from embedded_aws.glue_log import RunLog
from embedded_aws.spark import GLUE_VERSION, Finished, ScriptRun
from embedded_aws.spark_java import SparkJava
from workshop.errors import WorkshopError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

Response = Any  # MiniStack's answer to a request: status, headers, body
Record = dict[str, Any]

UNDER_WAY = ("STARTING", "RUNNING", "STOPPING")
DEFAULT_LOG_GROUPS = "/aws-glue/jobs"
_DEFAULT_TIMEOUT_MINUTES = 480
_TICK_SECONDS = 0.1

_runs: dict[str, "_Run"] = {}
_spare_java: list[SparkJava] = []  # one at most
_start_lock = threading.Lock()


def install() -> None:
    """Make MiniStack run `glueetl` jobs, stop them, and list runs as Glue does."""
    start_others = hooks.glue.start_job_run

    def start_job_run(data: Record) -> Response:
        job = hooks.glue.jobs.get(data.get("JobName"))
        if job is None or job["Command"].get("Name") != "glueetl":
            return start_others(data)
        return _start(job, data, hooks.glue.job_runs.setdefault(job["Name"], []))

    hooks.glue.start_job_run = start_job_run
    hooks.glue.batch_stop_job_run = _stop
    hooks.glue.get_job_runs = _list


def _start(job: Record, data: Record, runs: list[Record]) -> Response:
    limit = job.get("ExecutionProperty", {}).get("MaxConcurrentRuns", 1)
    with _start_lock:
        if sum(record["JobRunState"] in UNDER_WAY for record in runs) >= limit:
            return hooks.responses.error_response_json(
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
    return hooks.responses.json_response({"JobRunId": record["Id"]})


def _stop(data: Record) -> Response:
    name = data["JobName"]
    by_id = {record["Id"]: record for record in hooks.glue.job_runs.get(name, [])}
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
    return hooks.responses.json_response({"SuccessfulSubmissions": stopped, "Errors": errors})


def _list(data: Record) -> Response:
    """Newest first, as Glue lists them, in pages of `MaxResults`."""
    records = hooks.glue.job_runs.get(data.get("JobName"))
    if records is None:
        return hooks.responses.error_response_json(
            "EntityNotFoundException", f"Job {data.get('JobName')} not found"
        )
    begin = int(data.get("NextToken") or 0)
    end = begin + (data.get("MaxResults") or 200)
    more = {"NextToken": str(end)} if end < len(records) else {}
    return hooks.responses.json_response({"JobRuns": records[::-1][begin:end], **more})


def end() -> None:
    """End every run: none outlives the server."""
    for run in _runs.values():
        run.stop()
    for java in _spare_java:
        java.end()


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
        role, name = self._job["Role"], "GlueJobRunnerSession"  # as Glue's own session is called
        s3 = role_session.client("s3", role, name)
        arguments = self._arguments()
        prefix = arguments.get("--custom-logGroup-prefix", DEFAULT_LOG_GROUPS)
        log = RunLog(role_session.client("logs", role, name), prefix, self._record["Id"])
        try:
            state, message = self._run(s3, arguments, log)
        except ClientError as error:
            state, message = "FAILED", _reason(error)
        except (BotoCoreError, OSError, WorkshopError) as error:
            state, message = "FAILED", f"{type(error).__name__}: {error}"
        if message:
            log("error", message)
        log.flush()
        return state, message

    def _run(self, s3: "S3Client", arguments: Mapping[str, str], log: RunLog) -> tuple[str, str]:
        if self._job.get("GlueVersion") != GLUE_VERSION:
            return "FAILED", (
                f"This machine has the Spark of Glue {GLUE_VERSION}, "
                f"and the job asks for Glue {self._job.get('GlueVersion')}"
            )
        with tempfile.TemporaryDirectory(prefix="glue-run-") as scratch:
            folder = Path(scratch)
            script = fetched(s3, self._job["Command"]["ScriptLocation"], folder / "script.py")
            modules = [
                fetched(s3, path, folder / "modules" / path.rpartition("/")[2])
                for path in arguments.get("--extra-py-files", "").split(",")
                if path
            ]
            data = Data(s3, folder / "buckets", data_paths(arguments))
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
        data: Data,
        log: RunLog,
    ) -> Finished | None:
        """Run the script to its end; None when the time was up."""
        java = _java(_spark_settings(arguments.get("--conf", "")))
        finished = None
        try:
            run = ScriptRun(
                script,
                [word for item in arguments.items() for word in item],
                python_files=modules,
                buckets=data.buckets,
                java=java,
                log=log,
            )
            finished = self._follow(run, data, log)
            return finished
        finally:
            came_to_an_end = finished and finished.exit_code >= 0  # by itself, not by a signal
            if came_to_an_end and not _spare_java and java.ready_again():
                _spare_java.append(java)
            else:
                java.end()

    def _follow(self, run: ScriptRun, data: Data, log: RunLog) -> Finished | None:
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
        self._tell(state, message)

    def _tell(self, state: str, message: str) -> None:
        """Send EventBridge the event of a run that has ended.

        Source: AWS Glue Developer Guide, "Automating AWS Glue with EventBridge events".
        """
        detail = {
            "jobName": self._job["Name"],
            "severity": "INFO" if state == "SUCCEEDED" else "ERROR",
            "state": state,
            "jobRunId": self._record["Id"],
            "message": message or f"Job run {state.lower()}",
        }
        entry = {
            "Source": "aws.glue",
            "DetailType": "Glue Job State Change",
            "Detail": json.dumps(detail),
            "Resources": [],
        }
        hooks.eventbridge.put_events({"Entries": [entry]}, allow_aws_source=True)


def _java(settings: dict[str, str]) -> SparkJava:
    """The Java process that the run before has left, if these are its settings, or a new one."""
    with _start_lock:
        if _spare_java:
            java = _spare_java.pop()
            if java.settings == settings and java.runs():
                return java
            java.end()
    return SparkJava(settings)


def _spark_settings(conf: str) -> dict[str, str]:
    """Read Glue's `--conf`: `name=value`, more of them as ` --conf name=value` behind it."""
    pairs = [setting.strip().partition("=") for setting in conf.split("--conf")]
    return {name: value for name, _, value in pairs if name}


def _reason(error: ClientError) -> str:
    detail = error.response["Error"]
    return f"{detail['Code']} ({error.operation_name}): {detail['Message']}"
