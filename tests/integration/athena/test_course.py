"""The course of a query: beside others, stopped, too long, and when the server ends."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from embedded_aws.athena.errors import QueryStoppedError
from embedded_aws.athena.queries import Queries
from embedded_aws.athena.statement import Request
from embedded_aws.athena.workers import RunningQuery
from embedded_aws.server import EmbeddedAws
from tests.support.athena import BUCKET, WORKGROUP, Aws, athena_of
from tests.support.checkout import free_port, owner_of
from tests.support.failing_aws import Failing
from tests.support.policies import policy, user
from tests.support.waiting import until

NEVER_ENDS = (
    "SELECT sum(a.n * b.n * c.n) FROM UNNEST(sequence(1, 100000)) AS a (n), "
    "UNNEST(sequence(1, 100000)) AS b (n), UNNEST(sequence(1, 100000)) AS c (n)"
)


def state(aws: Aws, query_id: str) -> str:
    execution = aws.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    return execution["Status"]["State"]


def server_of(folder: Path) -> psutil.Process:
    """The process of the embedded AWS of a folder."""
    own = EmbeddedAws.of_folder(folder)
    running = own.running() if own else None
    process = running.process() if running else None
    assert process
    return process


def engines(server: psutil.Process) -> list[psutil.Process]:
    """The processes that compute for it."""
    found = []
    for child in server.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            found += [child] if "embedded_aws.athena.engine" in child.cmdline() else []
    return found


def test_a_query_runs_beside_others_and_can_be_stopped(aws: Aws) -> None:
    """One bad join would block the embedded Athena until a restart."""
    long = aws.start(NEVER_ENDS)
    until(lambda: state(aws, long) == "RUNNING")
    assert aws.rows("SELECT 1") == [["1"]]
    aws.athena.stop_query_execution(QueryExecutionId=long)
    answer = aws.ended(long)
    assert (answer.state, answer.reason) == ("CANCELLED", "Query was cancelled by user")
    assert aws.rows("SELECT 2") == [["2"]]


def test_more_queries_than_run_at_once_wait(aws: Aws) -> None:
    """Stopping is what makes room: a stop that only says so would leave the others waiting."""
    running = [aws.start(NEVER_ENDS) for _ in range(4)]
    until(lambda: all(state(aws, query_id) == "RUNNING" for query_id in running))
    waiting = aws.start("SELECT 1")
    time.sleep(0.5)
    assert state(aws, waiting) == "QUEUED"
    for query_id in running:
        aws.athena.stop_query_execution(QueryExecutionId=query_id)
    assert aws.ended(waiting).rows == [["1"]]


def test_queries_are_listed_the_newest_first(aws: Aws) -> None:
    """The local console would show the oldest ones, and never tick what was answered last."""
    ran = [aws.start("SELECT 1") for _ in range(3)]
    pages = aws.athena.get_paginator("list_query_executions").paginate(
        WorkGroup=WORKGROUP, PaginationConfig={"PageSize": 2, "MaxItems": 3}
    )
    assert [query_id for page in pages for query_id in page["QueryExecutionIds"]] == ran[::-1]


def test_stopping_what_is_not_there_is_an_error(aws: Aws) -> None:
    """A script would believe that it had stopped its query."""
    with pytest.raises(ClientError, match="InvalidRequestException"):
        aws.athena.stop_query_execution(QueryExecutionId="nothing")


def test_a_query_ends_at_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Athena a DML query ends after 30 minutes."""
    monkeypatch.setattr("embedded_aws.hooks.glue", type("", (), {"databases": {}}))
    queries = Queries(seconds=1)
    try:
        late = RunningQuery(queries.workers)
        stop = threading.Timer(30, late.stop, ["It did not end at its time"])
        stop.start()
        with pytest.raises(QueryStoppedError, match="Query timeout"):
            queries.run(Request(NEVER_ENDS), late)
        stop.cancel()
        stopped = RunningQuery(queries.workers)
        stopped.stop("Query was cancelled by user")
        with pytest.raises(QueryStoppedError, match="Query was cancelled by user"):
            queries.run(Request("SELECT 1"), stopped)
    finally:
        queries.workers.end()


def test_a_result_has_a_limit(aws: Aws) -> None:
    """A cross join would fill the machine's memory before anybody could stop it."""
    reason = aws.failure(
        "SELECT rpad('x', 1000, 'x') FROM UNNEST(sequence(1, 10000)) AS a (n), "
        "UNNEST(sequence(1, 1000)) AS b (n)"
    )
    assert reason == "Query exhausted resources at this scale factor"


def test_a_result_is_read_with_the_callers_rights(aws: Aws) -> None:
    """Who lost the file, or wrote over it, would still be shown what it was."""
    answer = aws.query("SELECT 'a' AS a, CAST(NULL AS varchar) AS b")
    key = answer.location.partition(f"{BUCKET}/")[2]
    query_id = key.rpartition("/")[2].removesuffix(".csv")
    aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b'"a","b"\n"other",\n')
    rows = aws.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
    assert rows[1] == {"Data": [{"VarCharValue": "other"}, {}]}
    aws.s3.delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ClientError, match="Could not find results"):
        aws.athena.get_query_results(QueryExecutionId=query_id)


def test_a_result_needs_the_right_to_read_its_file(aws: Aws) -> None:
    """A policy without it passes the rehearsal, and shows no results on AWS."""
    query_id = aws.start("SELECT 1")
    assert aws.ended(query_id).state == "SUCCEEDED"
    document = policy(
        {"Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"},
    )
    reader = user(boto3.Session(), "reader", document).client("athena")
    with pytest.raises(ClientError, match="Access denied when reading"):
        reader.get_query_results(QueryExecutionId=query_id)


@pytest.mark.usefixtures("aws")
def test_a_service_that_is_not_there_is_refused_at_once() -> None:
    """Every other request would wait for ten seconds."""
    began = time.monotonic()
    with pytest.raises(ResponseParserError, match="Unsupported service"):
        boto3.client("redshift").describe_clusters()
    assert time.monotonic() - began < 5


def test_results_come_in_pages(aws: Aws) -> None:
    """A client that pages would miss rows or see some twice."""
    rows = aws.rows("SELECT n, 'a\n\"b\"' FROM UNNEST(sequence(1, 2500)) AS t (n) ORDER BY n")
    assert rows == [[str(n), 'a\n"b"'] for n in range(1, 2501)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_computes_when_the_server_has_ended(tmp_path: Path, number: int) -> None:
    """The machine would be busy for hours with a query that nobody waits for."""
    with owner_of(EmbeddedAws(tmp_path / "aws", free_port())) as owner:
        own = athena_of(owner)
        query_id = own.start(NEVER_ENDS)
        server = server_of(tmp_path / "aws")
        until(lambda: state(own, query_id) == "RUNNING" and bool(engines(server)))
        children = server.children(recursive=True)
        os.kill(server.pid, number)
        server.wait(timeout=8)
        until(lambda: not any(child.is_running() for child in children), seconds=5)


def test_an_engine_that_dies_fails_one_query(aws: Aws, server: Failing) -> None:
    """An internal error of the database would end every query until a restart."""
    query_id = aws.start(NEVER_ENDS)
    process = server_of(server.folder)
    while state(aws, query_id) in {"QUEUED", "RUNNING"}:  # those that wait for queries, too
        for engine in engines(process):
            engine.kill()
    answer = aws.ended(query_id)
    assert answer.state == "FAILED"
    assert answer.reason == "Query exhausted resources at this scale factor"
    assert aws.rows("SELECT 1") == [["1"]]
