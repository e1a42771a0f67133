"""Writes the log of a Glue run to CloudWatch Logs."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_logs.client import CloudWatchLogsClient
    from types_boto3_logs.type_defs import InputLogEventTypeDef

_LOG_FLUSH_SECONDS = 1.0


class RunLog:
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
