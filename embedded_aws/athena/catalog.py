"""Runs Athena's statements about the catalog: CREATE and DROP, SHOW, DESCRIBE."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from embedded_aws import hooks
from embedded_aws.athena.errors import MalformedQueryError, QueryFailedError
from embedded_aws.athena.permissions import (
    check_location,
    check_statement,
)
from embedded_aws.athena.statement import Result
from embedded_aws.athena.tables import hive_text, hive_type

CatalogStatement = Callable[[str], Result]
"""Runs a statement; takes the database of names without one."""


def catalog_statement(text: str) -> CatalogStatement | None:
    """What a DDL, SHOW or DESCRIBE statement does; None for any other.

    Raises:
        MalformedQueryError: a CREATE TABLE that Athena refuses.
    """
    ddl = hooks.athena.parse_ddl(text)
    if ddl is not None:
        if isinstance(ddl, hooks.athena.CreateTable):
            ddl = replace(
                ddl,
                table=ddl.table.lower(),
                columns=_glue_columns(ddl.columns),
                partition_keys=_glue_columns(ddl.partition_keys),
            )
        return lambda database: _run_ddl(ddl, database)
    cursor = hooks.athena.Cursor(text)
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
    creates = isinstance(ddl, hooks.athena.CreateTable)
    action = "CreateTable" if creates else "DeleteTable"
    check_statement(["GetDatabase"], name)
    check_statement(["GetTable", action], name, ddl.table)
    if creates and ddl.location:
        location = urlsplit(ddl.location)
        check_location(location.netloc, location.path[1:])
    try:
        hooks.athena.run_ddl(ddl, database)
    except ValueError as error:
        raise QueryFailedError(f"FAILED: {error}") from error
    return Result()


def _glue(action: Callable[[dict[str, Any]], Any], data: dict[str, Any]) -> Result:
    status, _, body = action(data)
    if status >= 300:  # noqa: PLR2004
        raise QueryFailedError(f"FAILED: SemanticException {json.loads(body)['message']}")
    return Result()


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
        if if_not_exists and name in hooks.glue.databases:
            return Result()
        return _glue(hooks.glue.create_database, {"DatabaseInput": database})

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
        check_statement(["GetDatabase"], name)
        check_statement(["GetTables", "DeleteDatabase"], name, "*")
        if cascade:
            check_statement(["GetTable", "DeleteTable"], name, "*")
        if if_exists and name not in hooks.glue.databases:
            return Result()
        if not cascade and _table_names(name):
            raise QueryFailedError(
                f"FAILED: InvalidOperationException Database {name} is not empty. "
                "One or more tables exist."
            )
        return _glue(hooks.glue.delete_database, {"Name": name})

    return drop


def _table_names(database: str) -> list[str]:
    tables = hooks.glue.tables.values()
    return sorted(table["Name"] for table in tables if table["DatabaseName"] == database)


def _listing(name: str, values: list[str]) -> Result:
    return Result([name], ["string"], lines=values)


def _show_databases(cursor: Any) -> CatalogStatement | None:
    if not cursor.at_end():
        return None

    def show(_: str) -> Result:
        check_statement(["GetDatabases"], "*")
        return _listing("database_name", sorted(hooks.glue.databases))

    return show


def _show_tables(cursor: Any) -> CatalogStatement | None:
    named = cursor.identifier() if cursor.keywords("in") or cursor.keywords("from") else None
    pattern = None if cursor.at_end() else cursor.string()
    if not cursor.at_end():
        return None

    def show(database: str) -> Result:
        name = named or database
        check_statement(["GetDatabase"], name)
        check_statement(["GetTables"], name, "*")
        # As Hive has it: * is anything, | is or.
        wanted = re.escape(pattern or "*").replace(r"\*", ".*").replace(r"\|", "|")
        names = [it for it in _table_names(name) if re.fullmatch(wanted, it, re.IGNORECASE)]
        return _listing("tab_name", names)

    return show


def _table(owner: str, name: str) -> dict[str, Any]:
    check_statement(["GetDatabase"], owner)
    check_statement(["GetTable"], owner, name)
    table: dict[str, Any] | None = hooks.glue.tables.get(f"{owner}/{name}")
    if table is None:
        raise QueryFailedError(f"FAILED: SemanticException Table not found {name}")
    return table


def _columns(table: dict[str, Any]) -> list[dict[str, str]]:
    return [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", [])]


def _of_table(show: Callable[[dict[str, Any]], Result]) -> Callable[[Any], CatalogStatement | None]:
    """A statement about one table, which its words end with."""

    def parsed(cursor: Any) -> CatalogStatement | None:
        name = cursor.dotted_name(2)
        if name is None or not cursor.at_end():
            return None
        return lambda database: show(_table(name[0] or database, name[1]))

    return parsed


def _describe(table: dict[str, Any]) -> Result:
    texts = [
        "\t".join(f"{it.get(key, ''):<20}" for key in ("Name", "Type", "Comment"))
        for it in _columns(table)
    ]
    names = ["col_name", "data_type", "comment"]
    return Result(names, ["string"] * len(names), lines=texts)


def _show_columns(table: dict[str, Any]) -> Result:
    return _listing("field", [f"{it['Name']:<20}" for it in _columns(table)])


def _show_create_table(table: dict[str, Any]) -> Result:
    """The statement that would make the table, as the console's "Generate table DDL" shows it."""
    storage = table["StorageDescriptor"]
    serde = storage.get("SerdeInfo") or {}
    if table.get("TableType") == "VIRTUAL_VIEW":
        raise QueryFailedError("FAILED: SemanticException It is a view: SHOW CREATE VIEW")
    columns = [f"  `{it['Name']}` {it['Type']}{_comment(it)}" for it in storage["Columns"]]
    lines = [
        f"CREATE EXTERNAL TABLE `{table['Name']}`(",
        *(f"{column}, " for column in columns[:-1]),
        f"{columns[-1]})" if columns else ")",
        "ROW FORMAT SERDE ",
        f"  '{serde.get('SerializationLibrary', '')}' ",
        *_pairs("WITH SERDEPROPERTIES ( ", serde.get("Parameters") or {}),
        "STORED AS INPUTFORMAT ",
        f"  '{storage.get('InputFormat', '')}' ",
        "OUTPUTFORMAT ",
        f"  '{storage.get('OutputFormat', '')}'",
        "LOCATION",
        f"  '{storage.get('Location', '')}'",
        *_pairs("TBLPROPERTIES (", table.get("Parameters") or {}),
    ]
    return _listing("createtab_stmt", lines)


def _comment(column: dict[str, str]) -> str:
    text = column.get("Comment", "").replace("'", "\\'")
    return f" COMMENT '{text}'" if text else ""


def _pairs(begin: str, values: dict[str, str]) -> list[str]:
    pairs = [f"  '{name}'='{value}'" for name, value in sorted(values.items())]
    return [begin, *(f"{pair}, " for pair in pairs[:-1]), f"{pairs[-1]})"] if pairs else []


_STATEMENTS: dict[str, Callable[[Any], CatalogStatement | None]] = {
    "create database": _create_database,
    "create schema": _create_database,
    "drop database": _drop_database,
    "drop schema": _drop_database,
    "show databases": _show_databases,
    "show schemas": _show_databases,
    "show tables": _show_tables,
    "show columns in": _of_table(_show_columns),
    "show columns from": _of_table(_show_columns),
    "show create table": _of_table(_show_create_table),
    "describe": _of_table(_describe),
    "desc": _of_table(_describe),
}
