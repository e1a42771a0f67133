"""Running the Glue job and following it: its state and its accounting."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from workshop.account import Account
from workshop.accounting import PREFIX, Accounting, Log, cause_of
from workshop.environment import Environment
from workshop.errors import WorkshopError, left
from workshop.job_log import log_of

_REJECTED = "rejected/"  # where each run has a folder for its record counts
_LONGEST_ACCOUNTING = 100_000  # bytes
# The last line of a Python traceback.
_RAISED = re.compile(r"([A-Za-z_][\w.]*\.)?[A-Za-z_]\w*(Error|Exception|Exit)\b")
FINISHED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")
LINE_LENGTH = 1000  # of a log's line that is shown
_LOG_DELAY_SECONDS = 20
Follow = Callable[[str, list[str]], None]


@dataclass(frozen=True)
class JobRun:
    """A run of the job.

    Attributes:
        id, state: as Glue has them.
        seconds: how long it ran, or has been running.
        started, ended: in epoch milliseconds; `ended` is 0 while it runs.
        accounting: the record counts, if its log or its accounting.json has them.
        complaint: what is wrong with the accounting that is there, if anything.
        error: why it failed, as Glue has it.
        log: the last lines of a failed run's log, where it was followed.
    """

    id: str
    state: str
    seconds: int
    started: int = 0
    ended: int = 0
    accounting: Accounting | None = None
    complaint: str = ""
    error: str = ""
    log: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, however it did."""
        return self.state in FINISHED

    @property
    def has_failed(self) -> bool:
        """Whether it has ended without success."""
        return self.is_finished and self.state != "SUCCEEDED"

    def __str__(self) -> str:
        time = f"{'after' if self.is_finished else 'for'} {self.seconds} s"
        return f"{self.id} is {self.state} {time}{self.cause and f': {self.cause}'}"

    @property
    def cause(self) -> str:
        """Why it failed, in a line, without the record counts that the script adds."""
        return cause_of(self.error)

    def require_success(self) -> None:
        """Raise an error unless it succeeded.

        Raises:
            WorkshopError: it did not; the message is Glue's, the details are of its log.
        """
        if self.state != "SUCCEEDED":
            raise WorkshopError(
                f"The job run {self.id} is {self.state}: {self.cause or 'no reason given'}",
                f"Read the log: workshop logs {self.id}",
                "\n".join(self.log),
            )


def run(account: Account, environment: Environment, follow: Follow) -> JobRun:
    """Start the job and wait for its success: see `start` and `wait`.

    Raises:
        Left: it was interrupted.
        WorkshopError: the run did not start, or did not succeed.
    """
    finished = wait(account, environment, start(account, environment), follow)
    finished.require_success()
    return finished


def start(
    account: Account,
    environment: Environment,
    arguments: Mapping[str, str] | None = None,
    workers: int | None = None,
    timeout_minutes: int | None = None,
) -> str:
    """Start the job and return the run's id.

    Args:
        account: where the job is.
        environment: which job it is.
        arguments: job arguments for this run, e.g. `{"--S3_CSV_OUTPUT_PATH": "s3://..."}`.
        workers: how many for this run, including the driver; by default the job's.
        timeout_minutes: when Glue ends this run; by default the job's.

    Raises:
        WorkshopError: the run could not be started.
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
        return str(glue.start_job_run(**request)["JobRunId"])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise WorkshopError(
            f"The job {environment.job} did not start: {error.response['Error']['Message']}",
            "Follow the current run: workshop run-job --attach; or stop it: workshop stop"
            if code == "ConcurrentRunsExceededException"
            else "Check the stack: workshop status",
        ) from error


def wait(account: Account, environment: Environment, run_id: str, follow: Follow) -> JobRun:
    """Follow a run to its end.

    Args:
        account: where the job is.
        environment: which job it is.
        run_id: which run it is.
        follow: called with the state and the new log lines, about once a second.

    Raises:
        Left: it was interrupted.
    """
    printed = Log()
    late = time.monotonic() + _LOG_DELAY_SECONDS
    with left(
        f"Stopped following. The run {run_id} continues in Glue.\n"
        "Follow it: workshop run-job --attach; stop it: workshop stop"
    ):
        glue = account.session.client("glue")
        output = log_of(account, environment, run_id)
        while True:
            record = glue.get_job_run(JobName=environment.job, RunId=run_id)["JobRun"]
            state = record["JobRunState"]
            new = list(output.new_lines())
            printed.add(new)
            follow(state, new)
            if state in FINISHED:
                finished = _run(account, environment, record, printed)
                # CloudWatch may be some seconds behind the run.
                counted = finished.accounting or finished.complaint or time.monotonic() > late
                if state != "SUCCEEDED" or counted:
                    break
            else:
                late = time.monotonic() + _LOG_DELAY_SECONDS
            time.sleep(1)
    if state == "SUCCEEDED":
        return finished
    # What the script prints, its traceback too, is in the one group; Spark's own log in the other.
    # Source: AWS Glue Developer Guide, "Logging for AWS Glue jobs".
    tail = printed.tail
    if not any(_RAISED.match(line) for line in tail):
        tail = Log().add(log_of(account, environment, run_id, "error").new_lines()).tail
    return replace(finished, log=tuple(line[:LINE_LENGTH] for line in tail or printed.tail))


def last_run(account: Account, environment: Environment, *states: str) -> JobRun | None:
    """The newest run that ended, or ended in one of the states; None where there is none.

    It has its accounting if its log is still there.
    """
    return next(runs(account, environment, states or FINISHED), None)


def current_run(account: Account, environment: Environment) -> JobRun | None:
    """The run that is under way, if there is one."""
    newest = next(runs(account, environment), None)
    return newest if newest and not newest.is_finished else None


def runs(
    account: Account, environment: Environment, states: Sequence[str] = ()
) -> Iterator[JobRun]:
    """Yield the runs, the newest first: all, or those in one of the states."""
    glue = account.session.client("glue")
    try:
        for page in glue.get_paginator("get_job_runs").paginate(JobName=environment.job):
            for record in page["JobRuns"]:
                if not states or record["JobRunState"] in states:
                    log = log_of(account, environment, record["Id"])
                    yield _run(account, environment, record, Log().add(log.new_lines()))
    except glue.exceptions.EntityNotFoundException:  # the job itself has gone
        return


def find_run(account: Account, environment: Environment, run_id: str | None) -> JobRun:
    """The run of this id, or the newest.

    Raises:
        WorkshopError: there is no such run.
    """
    glue = account.session.client("glue")
    if run_id:
        try:
            record = glue.get_job_run(JobName=environment.job, RunId=run_id)["JobRun"]
        except ClientError as error:
            raise WorkshopError(
                f"The job {environment.job} has no run {run_id}: "
                f"{error.response['Error']['Message']}",
                "See the last run: workshop status",
            ) from error
        return _run(account, environment, record, Log())
    newest = next(runs(account, environment), None)
    if newest is None:
        raise WorkshopError(f"The job {environment.job} has not run.", "workshop run-job")
    return newest


def stop(account: Account, environment: Environment, run_id: str) -> None:
    """Ask a run to stop.

    Raises:
        WorkshopError: Glue refuses.
    """
    answer = account.session.client("glue").batch_stop_job_run(
        JobName=environment.job, JobRunIds=[run_id]
    )
    for refused in answer.get("Errors", []):
        reason = refused["ErrorDetail"].get("ErrorMessage", "no reason given")
        raise WorkshopError(f"The job run {run_id} cannot be stopped: {reason}", "workshop status")


def _run(account: Account, environment: Environment, record: Mapping[str, Any], log: Log) -> JobRun:
    started, ended = (
        int(record[moment].timestamp() * 1000) if moment in record else 0
        for moment in ("StartedOn", "CompletedOn")
    )
    seconds = record.get("ExecutionTime", 0)
    if record["JobRunState"] not in FINISHED:
        seconds, ended = round(time.time() - started / 1000), 0
    elif not (log.accounting or log.complaint):
        log = _stored(account, environment, started, ended)
    return JobRun(
        record["Id"],
        record["JobRunState"],
        seconds,
        started,
        ended,
        log.accounting,
        log.complaint,
        record.get("ErrorMessage", ""),
    )


def _stored(account: Account, environment: Environment, started: int, ended: int) -> Log:
    """Read what a run has counted from its folder, for when its log does not have it.

    The folder is named by the moment at which the script began, so it is the first one after the
    run was started.
    """
    s3, log = account.session.client("s3"), Log()
    first = s3.list_objects_v2(
        Bucket=environment.bucket,
        Prefix=f"{_REJECTED}run-",
        StartAfter=f"{_REJECTED}run-{started}",
        MaxKeys=1,
    )
    for entry in first.get("Contents", []):
        named = re.fullmatch(f"{_REJECTED}run-([0-9]{{1,15}})/accounting[.]json", entry["Key"])
        if named and int(named[1]) <= ended:
            body = s3.get_object(Bucket=environment.bucket, Key=entry["Key"])["Body"]
            text = body.read(_LONGEST_ACCOUNTING).decode(errors="replace")
            log.add([PREFIX + text.replace("\n", " ")])
    return log
