"""Athena: the workgroup's saved queries, and running them or any other statement.

Participants may save queries, too. What the organizer runs has the organizer's rights, so those of
the stack, as it deployed them, are told from all others.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore.exceptions import ClientError

from workshop.account import Account
from workshop.environment import Environment, resources
from workshop.errors import WorkshopError

_COMMENTS = re.compile(r"^[ \t]*--[^\n]*$", re.MULTILINE)
_SUBSTITUTED = re.compile(r"\$\{([^}]*)\}")
_BATCH = 50  # the service's limit for one call
_PROPERTIES = ("Name", "Description", "Database", "QueryString")  # of SavedQuery
_CORRECT = "Correct the statement; python -m workshop query lists those that work"
_NEXT_STEPS = (
    ("insufficient permissions|permission[_ ]denied|access denied|.*accessdenied",
     "Ask for the permission that the message names"),
    ("hive_", "Look at the object or the table that the message names; the statement may be right"),
    ("bytes scanned limit|exceeded_|.*exhausted resources",
     "Read less: fewer columns, a shorter range of days"),
    ("generic_internal_error", "Run it again; if it fails again, report it with the message"),
)  # fmt: skip
NAMED_QUERY = "AWS::Athena::NamedQuery"
STACK, CHANGED, ADDED = "stack", "changed", "added"  # where a saved query comes from


@dataclass(frozen=True)
class SavedQuery:
    """A saved query.

    Attributes:
        name, description: what Athena's console lists.
        database: where its unqualified table names are looked up.
        sql: its statement.
        origin: `stack`, as it was deployed; `changed` since then; or `added` by somebody else.
    """

    name: str
    description: str
    database: str
    sql: str
    origin: str = STACK

    @property
    def reads(self) -> bool:
        """Whether it only reads: a SELECT, with or without a WITH."""
        words = _COMMENTS.sub("", self.sql).split(maxsplit=1)
        return bool(words) and words[0].upper() in ("SELECT", "WITH")


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


def of_stack(account: Account, environment: Environment) -> dict[str, SavedQuery]:
    """The stack's saved queries by their logical ids, in the order of the lesson.

    They are those with the ids of the stack's resources. Whoever may update one keeps its id: one
    that is not word for word as in the deployed template has the origin `changed`. What has been
    deleted is not among them.

    Raises:
        WorkshopError: the stack's template cannot be read.
    """
    made = resources(account, environment)
    logical = made[NAMED_QUERY]
    deployed = _deployed(account, environment, made)
    found = {
        logical[query_id]: replace(query, origin=CHANGED)
        if query != deployed.get(logical[query_id])
        else query
        for query_id, query in by_id(account.session, [*logical])
    }
    return dict(sorted(found.items(), key=lambda item: item[1].name))


def own(account: Account, environment: Environment) -> list[SavedQuery]:
    """The stack's saved queries that are as they were deployed, in the order of the lesson."""
    return [q for q in of_stack(account, environment).values() if q.origin == STACK]


def others(account: Account, environment: Environment) -> Iterator[SavedQuery]:
    """Yield the workgroup's other saved queries: those of the stack that were changed, then others.

    There may be thousands, of 262,144 bytes each: they are fetched as they are asked for.
    """
    yield from (q for q in of_stack(account, environment).values() if q.origin == CHANGED)
    stacks = resources(account, environment)[NAMED_QUERY]
    pages = account.session.client("athena").get_paginator("list_named_queries")
    for page in pages.paginate(WorkGroup=environment.workgroup):
        ids = [query_id for query_id in page["NamedQueryIds"] if query_id not in stacks]
        yield from (replace(query, origin=ADDED) for _, query in by_id(account.session, ids))


def choose(own: list[SavedQuery], others: Iterable[SavedQuery], name: str) -> SavedQuery:
    """Find one saved query.

    Args:
        own: the stack's queries, found by the name or by the beginning of it, e.g. the number.
        others: those that are not the stack's, found by the whole name only; not looked at where
            one of the stack's is found.
        name: what to look for.

    Raises:
        WorkshopError: none or several match.
    """
    matches = [q for q in own if q.name.lower().startswith(name.lower())]
    exact = [q for q in matches if q.name.lower() == name.lower()]
    if len(exact or matches) == 1:
        return (exact or matches)[0]
    same = [] if matches else [q for q in others if q.name == name]
    if len(same) == 1:
        return same[0]
    if same:
        raise WorkshopError(
            f"{len(same)} saved queries have the name {name!r}, and none is the stack's.",
            "Read them in Athena's console, and run the statement that you mean: --sql",
        )
    names = ", ".join(q.name for q in matches or own)
    what = f"{len(matches)} saved queries begin" if matches else "No saved query begins"
    raise WorkshopError(
        f"{what} with {name!r}.",
        f"Name one of: {names}. Those that are not the stack's run by their whole name",
    )


def by_id(session: boto3.Session, ids: list[str]) -> Iterator[tuple[str, SavedQuery]]:
    """Yield the saved queries of these ids that are there, each with its id."""
    athena = session.client("athena")
    for start in range(0, len(ids), _BATCH):
        answer = athena.batch_get_named_query(NamedQueryIds=ids[start : start + _BATCH])
        for q in answer["NamedQueries"]:
            query = SavedQuery(q["Name"], q.get("Description", ""), q["Database"], q["QueryString"])
            yield q["NamedQueryId"], query


def _deployed(
    account: Account, environment: Environment, made: Mapping[str, Mapping[str, str]]
) -> dict[str, SavedQuery]:
    """The saved queries by their logical ids, as the deployed template has them."""
    names = {
        logical: physical for ids in made.values() for physical, logical in ids.items() if physical
    }
    body: Any = account.session.client("cloudformation").get_template(
        StackName=environment.stack_id, TemplateStage="Processed"
    )["TemplateBody"]
    if not isinstance(body, Mapping):  # boto3 has parsed what is JSON
        raise WorkshopError(
            f"The template of {environment.stack} is not JSON: what it deployed cannot be told "
            "from what others saved.",
            "Deploy the exercise's own template: make deploy, or make event-template",
        )
    return {
        logical: SavedQuery(*(_text(properties.get(name, ""), names) for name in _PROPERTIES))
        for logical, resource in body["Resources"].items()
        if resource["Type"] == NAMED_QUERY
        for properties in [resource["Properties"]]
    }


def _text(value: object, names: Mapping[str, str]) -> str:
    """A property's text with the names of the stack's resources put in.

    The template says no more than `Ref` and `Fn::Sub`. What is anything else stays as it is
    written, and so equals nothing that was deployed.
    """
    match value:
        case {"Ref": str(name)} if name in names:
            return names[name]
        case {"Fn::Sub": str(text)}:
            return _SUBSTITUTED.sub(lambda found: names.get(found[1], found[0]), text)
    return str(value)


def _next_step(reason: str) -> str:
    """What to do about a failed query, by the reason that Athena gives."""
    steps = (step for causes, step in _NEXT_STEPS if re.match(causes, reason, re.IGNORECASE))
    return next(steps, _CORRECT)


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
            _CORRECT,
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
        reason = execution["Status"].get("StateChangeReason", "")
        raise WorkshopError(f"The query {state.lower()}: {reason}", _next_step(reason))
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
    # The header is the first row of a SELECT's result. DESCRIBE has a text for all its columns.
    if rows[:1] == [columns]:
        rows = rows[1:]
    elif len(columns) > 1:
        rows = [[cell.strip() for cell in (row[0] or "").split("\t")] for row in rows]
    # Athena answers from its file in athena-results/, where participants may write.
    if any(len(row) != len(columns) for row in rows):
        raise WorkshopError(
            "Athena's answer has rows of another width than its header.",
            "Run it again: somebody has written over its file in athena-results/",
        )
    statistics = execution["Statistics"]
    return Result(
        columns=columns,
        rows=rows[:limit],
        more=limit is not None and len(rows) > limit,
        seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
        scanned_bytes=statistics.get("DataScannedInBytes", 0),
    )
