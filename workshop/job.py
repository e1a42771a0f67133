"""Running the Glue job and following it: its state, its log, its accounting."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError

# The line on which the script says, as JSON, what became of every record.
ACCOUNTING = "ACCOUNTING "
_FINISHED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")
LOG_LINES_SHOWN = 15
_LOG_DELAY_SECONDS = 20
_LOG_PREFIX = "--custom-logGroup-prefix"  # the job's argument


@dataclass(frozen=True)
class JobRun:
    """A finished run: its id, its state, how long it ran, and its accounting (empty if none)."""

    id: str
    state: str
    seconds: int
    accounting: dict[str, Any]


def run(  # noqa: PLR0913 - what a run of Glue's can have
    account: Account,
    environment: Environment,
    arguments: Mapping[str, str] | None = None,
    *,
    workers: int | None = None,
    timeout_minutes: int | None = None,
    follow: Callable[[str, list[str]], None],
) -> JobRun:
    """Start the job and wait for its end.

    Args:
        account: where the job is.
        environment: which job it is.
        arguments: job arguments for this run, e.g. `{"--S3_CSV_OUTPUT_PATH": "s3://..."}`.
        workers: how many for this run, the driver among them; by default the job's.
        timeout_minutes: when Glue ends this run; by default the job's.
        follow: called with the state and the new log lines, about once a second.

    Raises:
        WorkshopError: the run could not be started, or did not succeed; the message carries
            Glue's error and the last lines of the log.
    """
    glue = account.session.client("glue")
    request: dict[str, Any] = {"JobName": environment.job, "Arguments": dict(arguments or {})}
    try:
        definition = glue.get_job(JobName=environment.job)["Job"]
        if workers:  # Glue takes the one with the other only
            request |= {"WorkerType": definition["WorkerType"], "NumberOfWorkers": workers}
        if timeout_minutes:
            request |= {"Timeout": timeout_minutes}
        run_id = glue.start_job_run(**request)["JobRunId"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise WorkshopError(
            f"The job {environment.job} did not start: {error.response['Error']['Message']}",
            "Wait for the run that is under way, or stop it in the console"
            if code == "ConcurrentRunsExceededException"
            else "Check the stack: python -m workshop status",
        ) from error
    log_prefix = definition["DefaultArguments"][_LOG_PREFIX]
    output = LogTail(account, f"{log_prefix}/output", run_id)
    error_log = LogTail(account, f"{log_prefix}/error", run_id)
    printed: list[str] = []
    complained: list[str] = []
    late = time.monotonic() + _LOG_DELAY_SECONDS
    while True:
        job_run = glue.get_job_run(JobName=environment.job, RunId=run_id)["JobRun"]
        state = job_run["JobRunState"]
        new = list(output.new_lines())
        printed += new
        complained += error_log.new_lines()
        follow(state, new)
        # CloudWatch may be some seconds behind the run: the accounting comes near its end.
        if state in _FINISHED and (
            state != "SUCCEEDED" or accounting_of(printed) or time.monotonic() > late
        ):
            break
        if state not in _FINISHED:
            late = time.monotonic() + _LOG_DELAY_SECONDS
        time.sleep(1)
    if state != "SUCCEEDED":
        tail = "\n  ".join((complained or printed)[-LOG_LINES_SHOWN:])
        raise WorkshopError(
            f"The job run {run_id} is {state}: {job_run.get('ErrorMessage', 'no reason given')}"
            + (f"\n  {tail}" if tail else ""),
            f"The whole log is in the log group {error_log.group}, stream {run_id}",
        )
    return JobRun(run_id, state, job_run.get("ExecutionTime", 0), accounting_of(printed))


def last_run(account: Account, environment: Environment, *states: str) -> JobRun | None:
    """The newest run that ended, or ended in one of the states; None where there is none.

    It has its accounting if its log is still there.
    """
    glue = account.session.client("glue")
    pages = glue.get_paginator("get_job_runs").paginate(JobName=environment.job)
    try:
        runs = (run for page in pages for run in page["JobRuns"])  # newest first
        run = next((run for run in runs if run["JobRunState"] in (states or _FINISHED)), None)
    except glue.exceptions.EntityNotFoundException:  # the job itself has gone
        run = None
    if run is None:
        return None
    definition = glue.get_job(JobName=environment.job)["Job"]
    group = f"{definition['DefaultArguments'][_LOG_PREFIX]}/output"
    lines = list(LogTail(account, group, run["Id"]).new_lines())
    return JobRun(run["Id"], run["JobRunState"], run.get("ExecutionTime", 0), accounting_of(lines))


def accounting_of(lines: list[str]) -> dict[str, Any]:
    """The accounting among the lines of a log; empty where there is none."""
    return next(
        (
            json.loads(line.removeprefix(ACCOUNTING))
            for line in lines
            if line.startswith(ACCOUNTING)
        ),
        {},
    )


class LogTail:
    """Reads a run's log from where it was left; a stream that is not there yet has no lines.

    Glue names the driver's stream by the run's id, by its documentation with `-driver` behind it.
    Source: docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
    """

    def __init__(self, account: Account, group: str, run_id: str) -> None:
        self.group = group
        self._logs = account.session.client("logs")
        self._tokens: dict[str, dict[str, Any]] = {run_id: {}, f"{run_id}-driver": {}}

    def new_lines(self) -> Iterator[str]:
        """Yield the lines that have come since the last call."""
        for stream in self._tokens:
            yield from self._new_lines(stream)

    def _new_lines(self, stream: str) -> Iterator[str]:
        while True:
            token = self._tokens[stream]
            try:
                answer = self._logs.get_log_events(
                    logGroupName=self.group, logStreamName=stream, startFromHead=True, **token
                )
            except self._logs.exceptions.ResourceNotFoundException:
                return
            for event in answer["events"]:
                yield from event["message"].splitlines()  # lines printed at once may be one event
            self._tokens[stream] = {"nextToken": answer["nextForwardToken"]}
            if self._tokens[stream] == token:
                return
