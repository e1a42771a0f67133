"""A run's log is read from CloudWatch Logs in whatever pieces Glue has written it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.end_to_end.conftest import free_port, owner_of
from workshop.account import Account
from workshop.job import LogTail
from workshop.local.server import EmbeddedAws

GROUP = "/jobs/output"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[boto3.Session]:
    with owner_of(EmbeddedAws(tmp_path_factory.mktemp("logs"), free_port())) as session:
        session.client("logs").create_log_group(logGroupName=GROUP)
        yield session


@pytest.mark.parametrize("stream", ["jr_1", "jr_2-driver"])
def test_every_line_is_read_once(session: boto3.Session, stream: str) -> None:
    """Else the counts of a run that succeeded are missing, or there twice."""
    logs: Any = session.client("logs")

    def write(*messages: str) -> None:
        now = int(datetime.now(UTC).timestamp() * 1000)
        events = [{"timestamp": now, "message": message} for message in messages]
        logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)

    tail = LogTail(Account(session, None), GROUP, stream.removesuffix("-driver"))
    assert list(tail.new_lines()) == []
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=f"{stream}-executor1")
    write("started 1 run-1\n", "kept 7 in all\nduplicates 1 in all\n")
    assert list(tail.new_lines()) == ["started 1 run-1", "kept 7 in all", "duplicates 1 in all"]
    assert list(tail.new_lines()) == []
    write("seconds 9 in all")
    assert list(tail.new_lines()) == ["seconds 9 in all"]
