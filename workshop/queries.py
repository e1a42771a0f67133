"""Athena: the workgroup's saved queries, and running them or any other statement."""

import re
import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError

_COMMENTS = re.compile(r"^\s*--.*$", re.MULTILINE)


@dataclass(frozen=True)
class SavedQuery:
    """A saved query: its name, its one-line description, its database and its statement."""

    name: str
    description: str
    database: str
    sql: str

    @property
    def reads(self) -> bool:
        """Whether it only reads: a SELECT, with or without a WITH."""
        return _COMMENTS.sub("", self.sql).split(maxsplit=1)[0].upper() in ("SELECT", "WITH")


@dataclass(frozen=True)
class Result:
    """What a statement answered.

    Attributes:
        columns: the names of the columns.
        rows: the values as Athena renders them, None for NULL.
        more: whether there are more rows than were asked for.
        seconds: how long Athena worked on it, queueing included.
        scanned_bytes: what Athena read from S3, which is what it bills.
    """

    columns: list[str]
    rows: list[list[str | None]]
    more: bool
    seconds: float
    scanned_bytes: int


def saved_queries(account: Account, environment: Environment) -> list[SavedQuery]:
    """List the workgroup's saved queries by name, which is the order of the lesson."""
    athena = account.session.client("athena")
    pages = athena.get_paginator("list_named_queries").paginate(WorkGroup=environment.workgroup)
    ids = [query_id for page in pages for query_id in page["NamedQueryIds"]]
    found = [
        SavedQuery(q["Name"], q.get("Description", ""), q["Database"], q["QueryString"])
        for start in range(0, len(ids), 50)  # the service's limit for one call
        for q in athena.batch_get_named_query(NamedQueryIds=ids[start : start + 50])["NamedQueries"]
    ]
    return sorted(found, key=lambda query: query.name)


def choose(queries: list[SavedQuery], name: str) -> SavedQuery:
    """Find one saved query by its name or by the beginning of it, e.g. its number.

    Raises:
        WorkshopError: none or several match.
    """
    matches = [q for q in queries if q.name.lower().startswith(name.lower())]
    exact = [q for q in matches if q.name.lower() == name.lower()]
    if len(exact or matches) == 1:
        return (exact or matches)[0]
    names = ", ".join(q.name for q in matches or queries)
    what = f"{len(matches)} saved queries begin" if matches else "No saved query begins"
    raise WorkshopError(f"{what} with {name!r}.", f"Name one of: {names}")


def run(
    account: Account, environment: Environment, sql: str, database: str, *, limit: int | None
) -> Result:
    """Run a statement in the workgroup and fetch its rows.

    Args:
        account: where to run it.
        environment: whose workgroup runs it.
        sql: one statement.
        database: the database of its unqualified table names.
        limit: how many rows to fetch, or None for all.

    Raises:
        WorkshopError: Athena refused the statement or it failed; the message is Athena's.
    """
    athena = account.session.client("athena")
    try:
        query_id = athena.start_query_execution(
            QueryString=sql,
            WorkGroup=environment.workgroup,
            QueryExecutionContext={"Database": database},
        )["QueryExecutionId"]
    except ClientError as error:
        raise WorkshopError(
            f"Athena refused the statement: {error.response['Error']['Message']}",
            "Correct the statement; python -m workshop query lists those that work",
        ) from error
    pause = 0.05
    while True:
        execution = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        state = execution["Status"]["State"]
        if state not in ("QUEUED", "RUNNING"):
            break
        time.sleep(pause)
        pause = min(pause * 1.5, 1)
    if state != "SUCCEEDED":
        raise WorkshopError(
            f"The query {state.lower()}: {execution['Status'].get('StateChangeReason', '')}",
            "Correct the statement; python -m workshop query lists those that work",
        )
    pages = athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=query_id,
        # The header and one row more, to know whether there is one.
        PaginationConfig={} if limit is None else {"MaxItems": limit + 2},
    )
    columns: list[str] = []
    rows: list[list[str | None]] = []
    for page in pages:
        columns = columns or [
            c["Name"] for c in page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        ]
        rows += [[d.get("VarCharValue") for d in row["Data"]] for row in page["ResultSet"]["Rows"]]
    # The header is the first row of a SELECT's result, and of no other statement's.
    rows = rows[1:] if rows[:1] == [columns] else rows
    statistics = execution["Statistics"]
    return Result(
        columns=columns,
        rows=rows[:limit],
        more=limit is not None and len(rows) > limit,
        seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
        scanned_bytes=statistics.get("DataScannedInBytes", 0),
    )
