"""The log of a run of the Glue job, read while it grows."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from workshop.account import Account
from workshop.environment import Environment

if TYPE_CHECKING:
    from workshop.job import JobRun

_DELAY_SECONDS = 10  # that CloudWatch may be behind the run
_PAGES = 10  # of a log that are read at once, each of 1 MB at most


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


def log_of(
    account: Account, environment: Environment, run_id: str, stream: str = "output"
) -> LogTail:
    """The log of a run, `output` or `error`.

    It is in the stack's own log group, whatever a participant has made of the job's arguments.
    """
    return LogTail(account, f"/aws-glue/{environment.job}/{stream}", run_id)


def lines_of(
    account: Account,
    environment: Environment,
    run: "JobRun",
    look: "Callable[[], JobRun] | None" = None,
) -> Iterator[tuple[str, str]]:
    """Yield the lines of a run's log, each with its stream: `output`, then `error` if it failed.

    Args:
        account: where the job is.
        environment: which job it is.
        run: which run it is.
        look: how to look at the run again while it goes on; without it, nothing is waited for.
    """
    output = log_of(account, environment, run.id)
    while True:
        new = [*output.new_lines()]
        yield from (("output", line) for line in new)
        if look and not run.is_finished:
            time.sleep(1)
            run = look()
        elif not new:
            break
    if look and not account.embedded:
        time.sleep(_DELAY_SECONDS)
        yield from (("output", line) for line in output.new_lines())
    if run.has_failed:
        errors = log_of(account, environment, run.id, "error")
        while new := [*errors.new_lines()]:
            yield from (("error", line) for line in new)
