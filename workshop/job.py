"""Running the Glue job and following it: its state, its log, its accounting."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from stacks.counts import COUNTS, OTHER_EVENTS
from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError

# The line on which the script says, as JSON, what became of every record.
ACCOUNTING = "ACCOUNTING "
_FINISHED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")
LOG_LINES_SHOWN = 15
LINE_LENGTH = 1000  # of a log's line that is shown
_LOG_DELAY_SECONDS = 20
_PAGES = 10  # of a log that are read at once, each of 1 MB at most
# Participants edit the script, so its accounting may be anything. What it may be at most.
_MOST_RECORDS, _MOST_REASONS, _LONGEST_REASON = 10**15, 50, 100
_BY_REASON = ("filtered", "rejected", OTHER_EVENTS)


@dataclass(frozen=True)
class JobRun:
    """A finished run.

    Attributes:
        id, state: as Glue has them.
        seconds: how long it ran.
        accounting: the record counts by name; empty if there are none.
        complaint: what is wrong with the accounting that is in the log, if anything.
    """

    id: str
    state: str
    seconds: int
    accounting: dict[str, Any]
    complaint: str = ""


@dataclass
class Log:
    """What is kept of a log, however long it is.

    Attributes:
        tail: its last lines.
        accounting: the first accounting in it that can be read; empty if there is none.
        complaint: what is wrong with the one that cannot; empty if there is none.
    """

    tail: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES_SHOWN))
    accounting: dict[str, Any] = field(default_factory=dict)
    complaint: str = ""

    def add(self, lines: Iterable[str]) -> "Log":
        """Read the lines that come next; return the log itself."""
        for line in lines:
            self.tail.append(line)
            if line.startswith(ACCOUNTING) and not self.accounting:
                try:
                    self.accounting = _accounting(line.removeprefix(ACCOUNTING))
                    self.complaint = ""
                except (ValueError, RecursionError) as error:
                    self.complaint = f"The accounting in the job's log cannot be read: {error}"
        return self


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
            worker_type = definition.get("WorkerType", "G.1X")
            request |= {"WorkerType": worker_type, "NumberOfWorkers": workers}
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
    output = LogTail(account, _log_group(environment, "output"), run_id)
    error_log = LogTail(account, _log_group(environment, "error"), run_id)
    printed, complained = Log(), Log()
    late = time.monotonic() + _LOG_DELAY_SECONDS
    while True:
        job_run = glue.get_job_run(JobName=environment.job, RunId=run_id)["JobRun"]
        state = job_run["JobRunState"]
        new = list(output.new_lines())
        printed.add(new)
        complained.add(error_log.new_lines())
        follow(state, new)
        # CloudWatch may be some seconds behind the run: the accounting comes near its end.
        if state in _FINISHED and (
            state != "SUCCEEDED"
            or printed.accounting
            or printed.complaint
            or time.monotonic() > late
        ):
            break
        if state not in _FINISHED:
            late = time.monotonic() + _LOG_DELAY_SECONDS
        time.sleep(1)
    if state != "SUCCEEDED":
        tail = "\n  ".join(line[:LINE_LENGTH] for line in complained.tail or printed.tail)
        raise WorkshopError(
            f"The job run {run_id} is {state}: {job_run.get('ErrorMessage', 'no reason given')}"
            + (f"\n  {tail}" if tail else ""),
            f"The whole log is in the log group {error_log.group}, stream {run_id}",
        )
    seconds = job_run.get("ExecutionTime", 0)
    return JobRun(run_id, state, seconds, printed.accounting, printed.complaint)


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
    log = Log().add(LogTail(account, _log_group(environment, "output"), run["Id"]).new_lines())
    seconds = run.get("ExecutionTime", 0)
    return JobRun(run["Id"], run["JobRunState"], seconds, log.accounting, log.complaint)


def _log_group(environment: Environment, stream: str) -> str:
    """The stack's own log group, whatever a participant has made of the job's arguments."""
    return f"/aws-glue/{environment.job}/{stream}"


def _accounting(text: str) -> dict[str, Any]:
    """Read an accounting as the script prints it.

    Raises:
        ValueError: it is something else.
        RecursionError: it is nested deeper than Python reads.
    """
    try:
        value = json.loads(text)
    except ValueError as error:  # among them numbers of more than 4,300 digits
        raise ValueError(f"not JSON ({str(error)[:80]})") from error
    # The script of an earlier deployment has no names of other events.
    if not isinstance(value, dict) or value.keys() | {OTHER_EVENTS} != {*COUNTS, OTHER_EVENTS}:
        raise ValueError(f"not an object with {', '.join(COUNTS)}")
    for name, count in value.items():
        counts = count if name in _BY_REASON else {"": count}
        if not (isinstance(counts, dict) and len(counts) <= _MOST_REASONS):
            raise ValueError(f"{name} is not an object of at most {_MOST_REASONS} counts")
        for reason, number in counts.items():
            # A bool is an int to Python.
            if type(number) is not int or not 0 <= number <= _MOST_RECORDS:
                raise ValueError(f"{name} {reason[:_LONGEST_REASON]!r} is not a number of records")
            if len(reason) > _LONGEST_REASON:
                raise ValueError(f"{name} has a reason of {len(reason):,} characters")
    return value


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
        for _ in range(_PAGES):  # a script may print faster than this reads
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
