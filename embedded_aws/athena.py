"""Makes MiniStack's Athena behave as Athena does, and adds `AWS::Athena::NamedQuery`.

Set MiniStack's environment variables before this module is imported: it imports MiniStack.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import duckdb
from ministack.core.responses import error_response_json
from ministack.services import athena, glue, s3
from ministack.services.cloudformation import provisioners
from sqlglot import exp

from embedded_aws.athena_permissions import (
    check_drop_database,
    check_location,
    check_output,
    check_output_bucket,
    check_statement,
)
from embedded_aws.athena_sql import (
    MalformedQueryError,
    QueryFailedError,
    Relation,
    athena_text,
    athena_type,
    failure,
    parse_query,
    translate,
)
from embedded_aws.athena_tables import TableStore, hive_text, hive_type, literal
from embedded_aws.cloudwatch import publish
from embedded_aws.iam import AccessDeniedError

logger = logging.getLogger(__name__)

Answer = tuple[int, dict[str, str], bytes]
"""What a MiniStack handler returns: status, headers, body."""


class QueryCancelledError(Exception):
    """A query that Athena stops: it ends as CANCELLED, with this text."""


@dataclass(frozen=True)
class Result:
    """The rows of a finished statement, each value as text or None, and the bytes it read."""

    columns: list[str]
    types: list[str]
    rows: list[list[str | None]]
    scanned: int = 0


NO_RESULT = Result([], [], [])


def install() -> None:
    """Put Athena's behaviour where MiniStack registers its own."""
    queries = Queries()
    start = athena._start_query_execution

    def start_query_execution(data: dict[str, Any]) -> Answer:
        try:
            checked = _checked_request(data)
        except MalformedQueryError as error:
            malformed = {"AthenaErrorCode": "MALFORMED_QUERY"}
            return _invalid_request(str(error), malformed)
        except ValueError as error:
            return _invalid_request(str(error))
        return cast("Answer", start(checked))

    async def execute_query(
        query_id: str, text: str, database: str, _ddl: object, _catalog: str | None = None
    ) -> None:
        await _execute(queries, athena._executions[query_id], text, database)

    athena._start_query_execution = start_query_execution
    athena._execute_query = execute_query
    provisioners._RESOURCE_HANDLERS["AWS::Athena::NamedQuery"] = {
        "create": _create_named_query,
        "update": _replace_named_query,
        "delete": _delete_named_query,
    }


# ---- StartQueryExecution ----


def _invalid_request(message: str, extra: dict[str, str] | None = None) -> Answer:
    answer = error_response_json("InvalidRequestException", message, 400, extra=extra)
    return cast("Answer", answer)


def _checked_request(data: dict[str, Any]) -> dict[str, Any]:
    """The request with the output location that its workgroup decides, ending with a slash.

    Raises:
        ValueError: a workgroup or a result bucket that is not there.
        MalformedQueryError: a statement that Athena refuses.
    """
    name = data.get("WorkGroup") or "primary"
    workgroup = athena._workgroups.get(name)
    if workgroup is None:
        raise ValueError(f"WorkGroup {name} is not found.")
    _check_statement(data.get("QueryString", ""))
    configuration = workgroup["Configuration"]
    wanted = data.get("ResultConfiguration", {})
    own = configuration.get("ResultConfiguration", {}).get("OutputLocation")
    enforced = _true(configuration.get("EnforceWorkGroupConfiguration"))
    location = own if enforced and own else wanted.get("OutputLocation") or own
    if not location:
        return data
    bucket = urlsplit(location).netloc
    try:
        check_output_bucket(bucket)
    except AccessDeniedError as error:
        raise ValueError(f"Unable to verify/create output bucket {bucket}") from error
    if bucket not in s3._buckets:
        raise ValueError(f"Unable to verify/create output bucket {bucket}")
    location = location.rstrip("/") + "/"
    return {**data, "ResultConfiguration": {**wanted, "OutputLocation": location}}


def _true(value: object) -> bool:
    """A boolean, which a template may give as text."""
    return str(value).lower() == "true"


def _check_statement(text: str) -> None:
    if _catalog_statement(text) is None:
        try:
            parse_query(text)
        except QueryFailedError:
            return  # a statement of another kind, which fails when it runs


# ---- Execution ----


async def _execute(queries: "Queries", execution: dict[str, Any], text: str, database: str) -> None:
    status, statistics = execution["Status"], execution["Statistics"]
    results = execution["ResultConfiguration"]
    if execution["StatementType"] != "DML":
        results["OutputLocation"] = results["OutputLocation"].removesuffix("csv") + "txt"
    status["State"] = "RUNNING"
    began = time.monotonic()
    try:
        output = urlsplit(results["OutputLocation"])
        check_output(output.netloc, output.path[1:])
        result = await asyncio.to_thread(
            queries.run, text, database, _scan_limit(execution["WorkGroup"])
        )
        if status["State"] == "RUNNING":  # StopQueryExecution did not come first
            statistics["DataScannedInBytes"] = result.scanned
            execution["_results"] = {"columns": result.columns, "rows": result.rows}
            execution["_column_types"] = result.types
            _save(result, results["OutputLocation"])
            status["State"] = "SUCCEEDED"
    except QueryCancelledError as error:
        status |= {"State": "CANCELLED", "StateChangeReason": str(error)}
    except QueryFailedError as error:
        status |= {"State": "FAILED", "StateChangeReason": str(error)}
    except Exception as error:
        logger.exception("Athena query failed: %s", text)
        reason = f"GENERIC_INTERNAL_ERROR: {error}"
        status |= {"State": "FAILED", "StateChangeReason": reason}
    elapsed = int((time.monotonic() - began) * 1000)
    statistics["EngineExecutionTimeInMillis"] = elapsed
    statistics["TotalExecutionTimeInMillis"] = elapsed
    status["CompletionDateTime"] = int(time.time())
    _publish(execution)


def _publish(execution: dict[str, Any]) -> None:
    """The metrics of a query that has ended, where its workgroup publishes them.

    Source: docs.aws.amazon.com/athena/latest/ug/query-metrics-viewing.html
    """
    group, statistics = execution["WorkGroup"], execution["Statistics"]
    if not _true(athena._workgroups[group]["Configuration"].get("PublishCloudWatchMetricsEnabled")):
        return
    for name, key, unit in (
        ("ProcessedBytes", "DataScannedInBytes", "Bytes"),
        ("TotalExecutionTime", "TotalExecutionTimeInMillis", "Milliseconds"),
    ):
        publish(
            "AWS/Athena",
            name,
            statistics.get(key, 0),
            unit,
            WorkGroup=group,
            QueryState=execution["Status"]["State"],
            QueryType=execution["StatementType"],
        )


def _scan_limit(workgroup: str) -> int | None:
    configuration = athena._workgroups[workgroup]["Configuration"]
    limit = configuration.get("BytesScannedCutoffPerQuery")
    return int(limit) if limit else None


def _save(result: Result, location: str) -> None:
    """Write the result where Athena does: quoted CSV, in which NULL is no text at all."""

    def line(values: list[str | None]) -> str:
        return ",".join("" if it is None else '"' + it.replace('"', '""') + '"' for it in values)

    if location.endswith(".csv"):
        names: list[str | None] = [*result.columns]
        text = "".join(f"{line(row)}\n" for row in [names, *result.rows])
    else:
        text = "".join(f"{row[0]}\n" for row in result.rows)
    parts = urlsplit(location)
    body = text.encode()
    headers = {"content-type": "text/csv", "content-length": str(len(body))}
    code, _, answer = s3._put_object(parts.netloc, parts.path[1:], body, headers)
    if code >= 300:  # noqa: PLR2004
        raise QueryFailedError(f"Could not write the result to {location}: {answer!r}")


# What one database may use of this machine; Athena would say that the query exhausted resources.
_MEMORY, _DISK = "2GB", "8GB"


def open_database(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a database that reads and writes in its own folder only, whatever the SQL says.

    Args:
        folder: an empty private folder.
    """
    connection = duckdb.connect(
        folder / "tables.duckdb",
        config={
            "allow_community_extensions": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "max_temp_directory_size": _DISK,
            "memory_limit": _MEMORY,
            "python_enable_replacements": False,
            "temp_directory": str(folder / "spill"),
        },
    )
    for statement in (
        "LOAD icu",
        "SET TimeZone = 'UTC'",
        "SET integer_division = true",  # as Trino divides integers
        f"SET allowed_directories = [{literal(str(folder))}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)
    return connection


class Queries:
    """Runs statements, one at a time, on a DuckDB database in a private temporary folder.

    The folder goes when this object does, at the end of the process at the latest.
    """

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="embedded-athena-")
        self._one_at_a_time = threading.Lock()
        self._numbers = itertools.count(1)
        self._open()

    def _open(self) -> None:
        self._folder = Path(self._temporary.name) / str(next(self._numbers))
        self._folder.mkdir()
        self._connection = open_database(self._folder)
        self._tables = TableStore(self._connection, self._folder)

    def _open_again_if_unusable(self) -> None:
        """Replace a database that an internal error of DuckDB has invalidated."""
        try:
            self._connection.execute("SELECT 1")
        except duckdb.Error as error:
            logger.warning("The embedded Athena opens its database again: %s", error)
            with contextlib.suppress(duckdb.Error):
                self._connection.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._open()

    def run(self, text: str, database: str, scan_limit: int | None) -> Result:
        """Run a statement that Athena accepts.

        Args:
            text: the statement.
            database: the Glue database of names without one.
            scan_limit: bytes, as stored, that a query may read.

        Raises:
            QueryFailedError: the statement failed.
            QueryCancelledError: it would read more than `scan_limit`.
        """
        statement = _catalog_statement(text)
        if statement:
            return statement(database)
        query = parse_query(text)
        if database not in glue._databases and database != "default":
            raise QueryFailedError(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")
        with self._one_at_a_time:
            try:
                return self._select(query, database, scan_limit)
            except Exception:
                self._open_again_if_unusable()
                raise

    def _select(self, query: exp.Query, database: str, scan_limit: int | None) -> Result:
        scanned: dict[str, int] = {}

        def relation_of(table: exp.Table) -> Relation:
            if table.catalog.lower() not in ("", "awsdatacatalog"):
                raise QueryFailedError(
                    f"CATALOG_NOT_FOUND: Catalog '{table.catalog}' does not exist"
                )
            name = (table.db or database).lower(), table.name.lower()
            relation = self._tables.relation(*name)
            scanned[relation.view] = relation.size
            if scan_limit is not None and sum(scanned.values()) > scan_limit:
                raise QueryCancelledError("Bytes scanned limit was exceeded")
            return relation

        text = translate(query, relation_of)
        try:
            cursor = self._connection.execute(text)
            described = cursor.description or []
            rows = cursor.fetchall()
        except duckdb.Error as error:
            raise failure(error) from error
        types = [kind for _, kind, *_ in described]
        return Result(
            [name for name, *_ in described],
            [athena_type(kind) for kind in types],
            [[athena_text(*pair) for pair in zip(row, types, strict=True)] for row in rows],
            sum(scanned.values()),
        )


# ---- Statements about the catalog ----

CatalogStatement = Callable[[str], Result]
"""Runs a statement; takes the database of names without one."""


def _catalog_statement(text: str) -> CatalogStatement | None:
    """What a DDL, SHOW or DESCRIBE statement does; None for any other.

    Raises:
        MalformedQueryError: a CREATE TABLE that Athena refuses.
    """
    ddl = athena._parse_ddl(text)
    if ddl is not None:
        if isinstance(ddl, athena._CreateTable):
            ddl = replace(
                ddl,
                table=ddl.table.lower(),
                columns=_glue_columns(ddl.columns),
                partition_keys=_glue_columns(ddl.partition_keys),
            )
        return lambda database: _run_ddl(ddl, database)
    cursor = athena._Cursor(text)
    if cursor.tokens and cursor.tokens[-1][:2] == ("punct", ";"):
        cursor.tokens.pop()
    for words, statement in _STATEMENTS.items():
        if cursor.keywords(*words.split()):
            return statement(cursor)
    return None


def _glue_columns(columns: list[dict[str, str]]) -> list[dict[str, str]]:
    """Columns as Athena writes them to Glue: lower case, types without spaces and comments."""
    try:
        return [
            {**it, "Name": it["Name"].lower(), "Type": hive_text(hive_type(it["Type"]))}
            for it in columns
        ]
    except ValueError as error:
        raise MalformedQueryError(f"FAILED: ParseException: {error}") from error


def _run_ddl(ddl: Any, database: str) -> Result:
    name = ddl.database or database or "default"
    creates = isinstance(ddl, athena._CreateTable)
    action = "CreateTable" if creates else "DeleteTable"
    check_statement(["GetDatabase"], name)
    check_statement(["GetTable", action], name, ddl.table)
    if creates and ddl.location:
        location = urlsplit(ddl.location)
        check_location(location.netloc, location.path[1:])
    try:
        athena._run_ddl(ddl, database)
    except ValueError as error:
        raise QueryFailedError(f"FAILED: {error}") from error
    return NO_RESULT


def _glue(action: Callable[[dict[str, Any]], Answer], data: dict[str, Any]) -> Result:
    status, _, body = action(data)
    if status >= 300:  # noqa: PLR2004
        raise QueryFailedError(f"FAILED: SemanticException {json.loads(body)['message']}")
    return NO_RESULT


def _create_database(cursor: Any) -> CatalogStatement | None:
    if_not_exists = cursor.keywords("if", "not", "exists")
    name = cursor.identifier()
    database = {"Name": name}
    if cursor.keywords("comment"):
        database["Description"] = cursor.string()
    if cursor.keywords("location"):
        database["LocationUri"] = cursor.string()
    if not name or not cursor.at_end():
        return None

    def create(_: str) -> Result:
        check_statement(["GetDatabase", "CreateDatabase"], name)
        if if_not_exists and name in glue._databases:
            return NO_RESULT
        return _glue(glue._create_database, {"DatabaseInput": database})

    return create


def _drop_database(cursor: Any) -> CatalogStatement | None:
    if_exists = cursor.keywords("if", "exists")
    name = cursor.identifier()
    cascade = cursor.keywords("cascade")
    if not cascade:
        cursor.keywords("restrict")  # the default
    if not name or not cursor.at_end():
        return None

    def drop(_: str) -> Result:
        check_drop_database(name, cascade=cascade)
        if if_exists and name not in glue._databases:
            return NO_RESULT
        if not cascade and _table_names(name):
            raise QueryFailedError(
                f"FAILED: InvalidOperationException Database {name} is not empty. "
                "One or more tables exist."
            )
        return _glue(glue._delete_database, {"Name": name})

    return drop


def _table_names(database: str) -> list[str]:
    tables = glue._tables.values()
    return sorted(table["Name"] for table in tables if table["DatabaseName"] == database)


def _listing(name: str, values: list[str]) -> Result:
    return Result([name], ["string"], [[value] for value in values])


def _show_databases(cursor: Any) -> CatalogStatement | None:
    if not cursor.at_end():
        return None

    def show(_: str) -> Result:
        check_statement(["GetDatabases"], "*")
        return _listing("database_name", sorted(glue._databases))

    return show


def _show_tables(cursor: Any) -> CatalogStatement | None:
    named = cursor.identifier() if cursor.keywords("in") or cursor.keywords("from") else None
    if not cursor.at_end():
        return None

    def show(database: str) -> Result:
        name = named or database
        check_statement(["GetDatabase"], name)
        check_statement(["GetTables"], name, "*")
        return _listing("tab_name", _table_names(name))

    return show


def _describe(cursor: Any) -> CatalogStatement | None:
    name = cursor.dotted_name(2)
    if name is None or not cursor.at_end():
        return None

    def describe(database: str) -> Result:
        owner = name[0] or database
        check_statement(["GetDatabase"], owner)
        check_statement(["GetTable"], owner, name[1])
        table = glue._tables.get(f"{owner}/{name[1]}")
        if table is None:
            raise QueryFailedError(f"FAILED: SemanticException Table not found {name[1]}")
        columns = [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", [])]
        texts = [
            "\t".join(f"{it.get(key, ''):<20}" for key in ("Name", "Type", "Comment"))
            for it in columns
        ]
        return _listing("col_name", texts)

    return describe


_STATEMENTS: dict[str, Callable[[Any], CatalogStatement | None]] = {
    "create database": _create_database,
    "create schema": _create_database,
    "drop database": _drop_database,
    "drop schema": _drop_database,
    "show databases": _show_databases,
    "show schemas": _show_databases,
    "show tables": _show_tables,
    "describe": _describe,
}


# ---- AWS::Athena::NamedQuery ----


def _create_named_query(
    _logical_id: str, properties: dict[str, Any], _stack: str
) -> tuple[str, dict[str, str]]:
    """CloudFormation's create: Ref and NamedQueryId are the id."""
    for name in ("Database", "QueryString"):
        if not properties.get(name):
            raise ValueError(f"Property validation failure: [The property {{/{name}}} is required]")
    workgroup = properties.get("WorkGroup", "primary")
    if workgroup != "primary" and workgroup not in athena._workgroups:
        raise ValueError(f"WorkGroup {workgroup} is not found.")
    _, _, body = athena._create_named_query(properties)
    query_id = json.loads(body)["NamedQueryId"]
    return query_id, {"NamedQueryId": query_id}


def _replace_named_query(
    query_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
) -> tuple[str, dict[str, str]]:
    """CloudFormation's update: every property of a named query needs a new one."""
    created = _create_named_query("", new, stack)
    provisioners._delete_predecessor(_delete_named_query, query_id, old)
    return created


def _delete_named_query(query_id: str, _properties: dict[str, Any]) -> None:
    athena._delete_named_query({"NamedQueryId": query_id})
