"""Runs what writes tables and files: CREATE TABLE AS, UNLOAD, and views."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sqlglot import exp

from embedded_aws import hooks
from embedded_aws.athena.errors import QueryFailedError
from embedded_aws.athena.permissions import check_output, check_statement
from embedded_aws.athena.sql import parse_query
from embedded_aws.athena.statement import Result, Statement, put_object

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet."
# What a table of each format is in the catalog: SerDe, input format, output format.
_FORMATS = {
    "parquet": (
        f"{_PARQUET}serde.ParquetHiveSerDe",
        f"{_PARQUET}MapredParquetInputFormat",
        f"{_PARQUET}MapredParquetOutputFormat",
    ),
    "json": (
        "org.openx.data.jsonserde.JsonSerDe",
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    ),
}


_WITH_ZONE = "timestamp with time zone"  # a type that Hive does not have
# UNLOAD (query) TO 'location' WITH (format = 'PARQUET'), which sqlglot does not parse.
UNLOAD = re.compile(
    r"(?:\s|--[^\n]*\n)*+UNLOAD\s*\((?P<query>.*)\)\s*TO\s*'(?P<location>[^']+)'"
    r"(?:\s*WITH\s*\((?P<with>[^()]*)\))?\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)


def unload(statement: Statement, found: re.Match[str]) -> Result:
    """Run UNLOAD (query) TO location."""
    options = dict(re.findall(r"(\w+)\s*=\s*'([^']*)'", (found["with"] or "").lower()))
    query = parse_query(found["query"], statement.request.parameters)
    uri, _ = _write(statement, query, options.get("format", "parquet"), found["location"])
    return Result(written=[uri], scanned=statement.scanned)


def create_table(statement: Statement, tree: exp.Create, query: exp.Query) -> Result:
    """Run CREATE TABLE name AS query."""
    database, name = _named(statement, tree.this)
    check_statement(["GetDatabase"], database)
    check_statement(["GetTable", "CreateTable"], database, name)
    if f"{database}/{name}" in hooks.glue.tables:
        if tree.args.get("exists"):
            return Result()
        raise QueryFailedError(
            f"TABLE_ALREADY_EXISTS: Destination table 'awsdatacatalog.{database}.{name}' "
            "already exists"
        )
    _check_names(query)
    properties = _properties(tree)
    file_format = properties.pop("format", "parquet").lower()
    location = properties.pop("external_location", "")
    if location and statement.request.enforced:
        raise QueryFailedError(
            "The Create Table As Select query failed because it was submitted with an "
            "'external_location' property to an Athena Workgroup that enforces a centralized "
            "output location for all queries. Please remove the 'external_location' property "
            "and resubmit the query."
        )
    if unknown := properties.keys() - {"write_compression", "parquet_compression"}:
        raise QueryFailedError(
            f"NOT_SUPPORTED: The embedded Athena takes no {', '.join(sorted(unknown))}"
        )
    folder, _, query_id = statement.request.location.removesuffix(".csv").rpartition("/")
    location = location or f"{folder}/tables/{query_id}/"
    uri, columns = _write(statement, query, file_format, location)
    _make_table(database, name, columns, location, file_format)
    return Result(written=[uri], scanned=statement.scanned)


def _write(
    statement: Statement, query: exp.Query, file_format: str, location: str
) -> tuple[str, list[list[str]]]:
    """Write the rows of a query below a location; its object and its columns."""
    if file_format not in _FORMATS:
        raise QueryFailedError(
            f"NOT_SUPPORTED: The embedded Athena writes PARQUET and JSON, not {file_format}"
        )
    parts = urlsplit(location)
    prefix = f"{parts.path.strip('/')}/"
    bucket = hooks.s3.buckets.get(parts.netloc)
    if bucket is None:
        raise QueryFailedError(f"HIVE_FILESYSTEM_ERROR: No such bucket: {parts.netloc}")
    if any(key.startswith(prefix) for key in list(bucket["objects"])):
        raise QueryFailedError(f"HIVE_PATH_ALREADY_EXISTS: {location} is not empty")
    key = f"{prefix}{statement.target.name}{'.gz' if file_format == 'json' else ''}"
    check_output(parts.netloc, key)
    text = statement.translated(query, statement.request.database)
    columns = statement.ask("write", text, format=file_format)["columns"]
    if any(_WITH_ZONE in kind for _, kind in columns):
        raise QueryFailedError("NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone")
    put_object(f"s3://{parts.netloc}/{key}", statement.target.read_bytes())
    statement.target.unlink()
    return f"s3://{parts.netloc}/{key}", columns


# ---- Views ----


def create_view(statement: Statement, tree: exp.Create, query: exp.Query) -> Result:
    """Run CREATE VIEW name AS query."""
    database, name = _named(statement, tree.this)
    replaces = bool(tree.args.get("replace"))
    check_statement(["GetDatabase"], database)
    actions = ["GetTable", "CreateTable", *(["UpdateTable"] if replaces else [])]
    check_statement(actions, database, name)
    found = hooks.glue.tables.get(f"{database}/{name}")
    if found and not (replaces and found.get("TableType") == "VIRTUAL_VIEW"):
        raise QueryFailedError(f"TABLE_ALREADY_EXISTS: '{database}.{name}' already exists")
    _check_names(query)
    text = statement.translated(query, statement.request.database)
    described = statement.ask("describe", text)["columns"]
    columns = [[column, kind.replace(_WITH_ZONE, "timestamp")] for column, kind in described]
    view = {
        "originalSql": query.sql("athena"),
        "catalog": "awsdatacatalog",
        "schema": statement.request.database,
        "columns": [{"name": column, "type": kind} for column, kind in columns],
    }
    encoded = base64.b64encode(json.dumps(view).encode()).decode()
    if found:
        hooks.glue.delete_table({"DatabaseName": database, "Name": name})
    _create(
        database,
        {
            "Name": name,
            "TableType": "VIRTUAL_VIEW",
            "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "StorageDescriptor": {"Columns": _glue_columns(columns), "SerdeInfo": {}},
            "ViewOriginalText": f"/* Presto View: {encoded} */",
            "ViewExpandedText": "/* Presto View */",
        },
    )
    return Result()


def drop_view(statement: Statement, tree: exp.Drop) -> Result:
    """Run DROP VIEW name."""
    database, name = _named(statement, tree.args["tables"][0])
    check_statement(["GetDatabase"], database)
    check_statement(["GetTable", "DeleteTable"], database, name)
    found = hooks.glue.tables.get(f"{database}/{name}", {})
    if found.get("TableType") == "VIRTUAL_VIEW":
        hooks.glue.delete_table({"DatabaseName": database, "Name": name})
    elif not tree.args.get("exists"):
        raise QueryFailedError(f"VIEW_NOT_FOUND: View '{database}.{name}' does not exist")
    return Result()


def _check_names(query: exp.Query) -> None:
    for position, column in enumerate(query.selects, 1):
        if not (column.output_name or column.is_star):
            raise QueryFailedError(
                f"MISSING_COLUMN_NAME: Column name not specified at position {position}"
            )


def _named(statement: Statement, table: exp.Expr) -> tuple[str, str]:
    """Database and name of what a statement makes or drops."""
    node = table.find(exp.Table)
    if node is None or not node.name:
        raise QueryFailedError("SYNTAX_ERROR: a name is missing")
    database = (node.text("db") or statement.request.database).lower()
    if database not in hooks.glue.databases:
        raise QueryFailedError(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")
    return database, node.name.lower()


def _properties(tree: exp.Create) -> dict[str, str]:
    """What WITH (...) says of a new table."""
    found = tree.args.get("properties") or exp.Properties(expressions=[])
    names = {exp.FileFormatProperty: "format", exp.ExternalProperty: "external_location"}
    return {
        names.get(type(it), it.name.lower() or it.key): it.text("value") or it.text("this")
        for it in found.expressions
    }


def _glue_columns(columns: list[list[str]]) -> list[dict[str, str]]:
    return [{"Name": name, "Type": kind} for name, kind in columns]


def _make_table(
    database: str, name: str, columns: list[list[str]], location: str, file_format: str
) -> None:
    serde, reads, writes = _FORMATS[file_format]
    storage = {
        "Columns": _glue_columns(columns),
        "Location": location,
        "InputFormat": reads,
        "OutputFormat": writes,
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": {}},
    }
    _create(
        database,
        {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", "classification": file_format},
            "StorageDescriptor": storage,
        },
    )


def _create(database: str, table: Mapping[str, Any]) -> None:
    status, _, body = hooks.glue.create_table({"DatabaseName": database, "TableInput": table})
    if status >= 300:  # noqa: PLR2004
        raise QueryFailedError(f"GENERIC_USER_ERROR: {json.loads(body)['message']}")
