"""Athena: running a statement in the workgroup, and fetching what it answers."""

import codecs
import csv
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from rich.filesize import decimal

from workshop import console
from workshop.account import Account
from workshop.athena_advice import CORRECT, next_step
from workshop.environment import Environment, bucket_and_key
from workshop.errors import WorkshopError

if TYPE_CHECKING:
    from types_boto3_athena.type_defs import QueryExecutionTypeDef

_OVERWRITTEN = "Athena's answer has rows of another width than its header."
_RUN_AGAIN = "Run it again: somebody has written over its file in athena-results/"
_REMEMBERED, _BATCH = 200, 50  # statements of the history; the service's limit for either call
_LONGEST_VALUE = 32 * 2**20  # Athena's longest row
NUMBERS = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), int),
    **dict.fromkeys(("float", "real", "double"), float),
}


@dataclass(frozen=True)
class Execution:
    """A statement that Athena runs or has run.

    Attributes:
        id: Athena's id of it.
        sql, database: the statement, and where its unqualified table names are looked up.
        state, reason: as Athena has them.
        submitted: when it was, in epoch seconds.
        location: where its result is, an S3 URI; of a SELECT it is a CSV file with a header.
        seconds: how long Athena worked on it, including queueing.
        scanned_bytes: what Athena read from S3, which is what it bills.
    """

    id: str
    sql: str
    database: str
    state: str
    reason: str
    submitted: float
    location: str
    seconds: float
    scanned_bytes: int

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, however it did."""
        return self.state not in ("QUEUED", "RUNNING")

    def require_success(self) -> None:
        """Raise an error unless it succeeded.

        Raises:
            WorkshopError: it did not; the message is Athena's.
        """
        if self.state != "SUCCEEDED":
            raise WorkshopError(
                f"The query {self.state.lower()}: {self.reason}",
                next_step(self.reason),
            )


@dataclass(frozen=True)
class Result:
    """What a statement answered.

    Attributes:
        columns: the names of the columns.
        rows: the values as Athena renders them, None for NULL.
        more: whether there are more rows than were asked for.
        seconds, scanned_bytes: see Execution.
        types: Athena's types of the columns.
    """

    columns: list[str]
    rows: list[list[str | None]]
    more: bool
    seconds: float
    scanned_bytes: int
    types: list[str] = field(default_factory=list)

    @property
    def cost(self) -> str:
        """What the statement took: its rows, its time, and what Athena bills."""
        if not self.columns:
            return f"Done in {self.seconds:.2f} s"
        number = f"{'the first ' if self.more else ''}{console.counted(len(self.rows), 'row')}"
        return f"{number} in {self.seconds:.2f} s, {decimal(self.scanned_bytes)} scanned"

    def records(self) -> list[dict[str, object]]:
        """The rows by column, with JSON's types; a column's second namesake is `name_2`."""
        seen = Counter[str]()
        names = []
        for column in self.columns:
            seen[column] += 1
            names.append(f"{column}_{seen[column]}" if seen[column] > 1 else column)
        return [
            {
                name: _typed(value, kind)
                for name, value, kind in zip(names, row, self.types, strict=True)
            }
            for row in self.rows
        ]


def _typed(value: str | None, kind: str) -> object:
    """A value as JSON has it. What JSON has no number for stays text: NaN, a long decimal."""
    if value is None or kind not in NUMBERS:
        return value if kind != "boolean" or value is None else value == "true"
    try:
        number = NUMBERS[kind](value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def execute(account: Account, environment: Environment, sql: str, database: str) -> Execution:
    """Run a statement in the workgroup. Interrupted, it stops the statement, which would cost.

    Args:
        account: where to run it.
        environment: whose workgroup runs it.
        sql: one statement.
        database: the database of its unqualified table names.

    Raises:
        WorkshopError: Athena refused the statement or it failed; the message is Athena's.
    """
    query_id = start(account, environment, sql, database)
    pause = 0.05
    try:
        while not (execution := look(account, query_id)).is_finished:
            time.sleep(pause)
            pause = min(pause * 1.5, 1)
    except KeyboardInterrupt:
        stop(account, query_id)
        console.progress.print(f"Stopped the query {query_id}.")
        raise
    execution.require_success()
    return execution


def start(account: Account, environment: Environment, sql: str, database: str) -> str:
    """Start a statement in the workgroup, and return Athena's id of it.

    Raises:
        WorkshopError: Athena refused the statement; the message is Athena's.
    """
    try:
        return account.session.client("athena").start_query_execution(
            QueryString=sql,
            WorkGroup=environment.workgroup,
            QueryExecutionContext={"Database": database},
        )["QueryExecutionId"]
    except ClientError as error:
        raise WorkshopError(
            f"Athena refused the statement: {error.response['Error']['Message']}",
            CORRECT,
        ) from error


def look(account: Account, query_id: str) -> Execution:
    """Look at a statement that was started."""
    answer = account.session.client("athena").get_query_execution(QueryExecutionId=query_id)
    return _execution(answer["QueryExecution"])


def stop(account: Account, query_id: str) -> None:
    """Stop a statement; one that has ended stays as it is."""
    account.session.client("athena").stop_query_execution(QueryExecutionId=query_id)


def history(account: Account, environment: Environment) -> list[Execution]:
    """The statements that ran last in the workgroup, the newest first."""
    athena = account.session.client("athena")
    pages = athena.get_paginator("list_query_executions").paginate(
        WorkGroup=environment.workgroup,
        PaginationConfig={"MaxItems": _REMEMBERED, "PageSize": _BATCH},
    )
    found = [
        _execution(one)
        for ids in (page["QueryExecutionIds"] for page in pages)
        if ids
        for one in athena.batch_get_query_execution(QueryExecutionIds=ids)["QueryExecutions"]
    ]
    return sorted(found, key=lambda one: one.submitted, reverse=True)


def _execution(answer: "QueryExecutionTypeDef") -> Execution:
    status, statistics = answer["Status"], answer.get("Statistics", {})
    submitted = status.get("SubmissionDateTime")
    return Execution(
        answer["QueryExecutionId"],
        answer["Query"],
        answer.get("QueryExecutionContext", {}).get("Database", ""),
        status["State"],
        status.get("StateChangeReason", ""),
        submitted.timestamp() if submitted else 0,
        answer.get("ResultConfiguration", {}).get("OutputLocation", ""),
        statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
        statistics.get("DataScannedInBytes", 0),
    )


def run(
    account: Account, environment: Environment, sql: str, database: str, *, limit: int | None
) -> Result:
    """Run a statement, see `execute`, and fetch its rows: all, or at most `limit`."""
    return fetch(account, execute(account, environment, sql, database), limit)


def fetch(account: Account, execution: Execution, limit: int | None) -> Result:
    """Fetch the rows of a statement from Athena: all, or at most `limit`.

    Raises:
        WorkshopError: somebody has written over the result.
    """
    pages = (
        account.session.client("athena")
        .get_paginator("get_query_results")
        .paginate(
            QueryExecutionId=execution.id,
            # The header and one row more, to know whether there is one.
            PaginationConfig={} if limit is None else {"MaxItems": limit + 2},
        )
    )
    columns: list[str] = []
    types: list[str] = []
    rows: list[list[str | None]] = []
    for page in pages:
        information = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        columns = columns or [column["Name"] for column in information]
        types = types or [column["Type"] for column in information]
        rows += [[d.get("VarCharValue") for d in row["Data"]] for row in page["ResultSet"]["Rows"]]
    # The header is the first row of a SELECT's result. DESCRIBE has a text for all its columns.
    if rows[:1] == [columns]:
        rows = rows[1:]
    elif len(columns) > 1:
        rows = [[cell.strip() for cell in (row[0] or "").split("\t")] for row in rows]
    # Athena answers from its file in athena-results/, where participants may write.
    if any(len(row) != len(columns) for row in rows):
        raise WorkshopError(_OVERWRITTEN, _RUN_AGAIN)
    return Result(
        columns=columns,
        rows=rows[:limit],
        more=limit is not None and len(rows) > limit,
        seconds=execution.seconds,
        scanned_bytes=execution.scanned_bytes,
        types=types,
    )


def stream(account: Account, execution: Execution) -> Iterator[Sequence[str | None]]:
    """Yield the header and the rows of a statement, those of a SELECT in constant memory.

    Raises:
        WorkshopError: somebody has written over the result.
    """
    if not execution.location.endswith(".csv"):  # only a SELECT has a CSV file
        result = fetch(account, execution, None)
        if result.columns:
            yield result.columns
            yield from result.rows
        return
    bucket, key = bucket_and_key(execution.location)
    body = account.session.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    text = codecs.getreader("utf-8")(body, "surrogateescape")
    csv.field_size_limit(_LONGEST_VALUE)
    width = None
    try:
        for row in csv.reader(text, strict=True):
            width = width or len(row)
            if len(row) != width:
                raise WorkshopError(_OVERWRITTEN, _RUN_AGAIN)
            yield row
    except csv.Error as error:
        raise WorkshopError(_OVERWRITTEN, _RUN_AGAIN) from error
