"""A run's log is read from CloudWatch Logs in whatever pieces Glue has written it."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from workshop.account import Account
from workshop.job_log import LogTail

GROUP = "/jobs/output"


@pytest.fixture(scope="module")
def logs(owner: boto3.Session) -> Any:
    client = owner.client("logs")
    client.create_log_group(logGroupName=GROUP)
    return client


@pytest.mark.parametrize("stream", ["jr_1", "jr_2-driver"])
def test_every_line_is_read_once(owner: boto3.Session, logs: Any, stream: str) -> None:
    """The counts of a run that succeeded would be missing, or there twice."""

    def write(*messages: str) -> None:
        now = int(datetime.now(UTC).timestamp() * 1000)
        events = [{"timestamp": now, "message": message} for message in messages]
        logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)

    tail = LogTail(Account(owner, None), GROUP, stream.removesuffix("-driver"))
    assert list(tail.new_lines()) == []
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=f"{stream}-executor1")
    write("started 1 run-1\n", "kept 7 in all\nduplicates 1 in all\n")
    assert list(tail.new_lines()) == ["started 1 run-1", "kept 7 in all", "duplicates 1 in all"]
    assert list(tail.new_lines()) == []
    write("seconds 9 in all")
    assert list(tail.new_lines()) == ["seconds 9 in all"]
