"""Runs what Athena computes: SELECT, CREATE TABLE AS, UNLOAD, and views."""

# ruff: noqa: S608 - it writes SQL from what was translated

import base64
import itertools
import json
import re
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlglot import exp

from embedded_aws import hooks
from embedded_aws.athena_permissions import check_output, check_statement
from embedded_aws.athena_sql import (
    PATH_COLUMN,
    QueryFailedError,
    Relation,
    parse_query,
    parse_statement,
    translate,
)
from embedded_aws.athena_tables import TableStore, columns_of, find_table
from embedded_aws.athena_workers import QueryStoppedError, RunningQuery, Workers

_MOST_VIEWS = 20  # one in another
_VIEW = re.compile(r"/\* Presto View: (.*) \*/")
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


@dataclass(frozen=True)
class Request:
    """What StartQueryExecution asked for.

    Attributes:
        text: the statement.
        parameters: what its `?` stand for.
        database: the Glue database of names without one.
        scan_limit: bytes, as stored, that it may read; None for no limit.
        location: where its result goes, which ends with its id and `.csv`.
        enforced: whether the workgroup decides on the location.
    """

    text: str
    parameters: Sequence[str] = ()
    database: str = "default"
    scan_limit: int | None = None
    location: str = ""
    enforced: bool = False


@dataclass(frozen=True)
class Result:
    """What a finished statement answers.

    Attributes:
        names, types: of its columns.
        rows: a file with its rows as CSV; None for a statement that answers with `lines`.
        lines: what SHOW or DESCRIBE lists.
        written: the objects that it wrote beside its result.
        scanned: the bytes, as stored, that it read.
    """

    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    rows: Path | None = None
    lines: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    scanned: int = 0


class Queries:
    """Runs statements, each in processes of its own; `end` ends them all.

    Args:
        seconds: how long a statement may take.
    """

    def __init__(self, seconds: float) -> None:
        self.workers = Workers()
        self._seconds = seconds
        self._folder = Path(tempfile.mkdtemp(prefix="embedded-athena-")).resolve()
        self._tables = TableStore(self._folder)
        self._numbers = itertools.count(1)
        self._running = 0
        self._lock = threading.Lock()

    def begin(self) -> RunningQuery:
        """Begin a query, which may be stopped from now on."""
        return self.workers.query(self._seconds)

    def run(self, request: Request, query: RunningQuery) -> Result:
        """Run a statement that Athena accepts.

        Raises:
            MalformedQueryError: it is none.
            QueryFailedError: it failed.
            QueryStoppedError: it was stopped, or would read more than its limit.
        """
        with self._lock:
            self._running += 1
        try:
            return _Statement(request, query, self._tables, self._folder, next(self._numbers)).run()
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._tables.forget_stale()
            query.end()


class _Statement:
    """One statement that runs."""

    def __init__(
        self, request: Request, query: RunningQuery, tables: TableStore, folder: Path, number: int
    ) -> None:
        self._request = request
        self._query = query
        self._tables = tables
        self._folder = folder
        self._target = folder / f"result-{number}"
        self._views: dict[str, str] = {}
        self._scanned: dict[str, int] = {}

    def run(self) -> Result:
        if unload := _Unload.of(self._request.text):
            return self._unload(unload)
        statement = parse_statement(self._request.text, self._request.parameters)
        if self._request.database not in {*hooks.glue.databases, "default"}:
            raise QueryFailedError(
                f"SCHEMA_NOT_FOUND: Schema '{self._request.database}' does not exist"
            )
        match statement:
            case exp.Query():
                return self._select(statement)
            case exp.Create(expression=exp.Query() as query, kind="TABLE"):
                return self._create_table(statement, query)
            case exp.Create(expression=exp.Query() as query, kind="VIEW"):
                return self._create_view(statement, query)
            case exp.Drop(kind="VIEW"):
                return self._drop_view(statement)
        raise QueryFailedError("NOT_SUPPORTED: The embedded Athena does not run this statement")

    def _translated(self, query: exp.Query, database: str, depth: int = 0) -> str:
        """The query for DuckDB, and in `_views` what it reads."""

        def relation_of(table: exp.Table) -> Relation:
            if table.catalog.lower() not in ("", "awsdatacatalog"):
                raise QueryFailedError(
                    f"CATALOG_NOT_FOUND: Catalog '{table.catalog}' does not exist"
                )
            relation = self._relation((table.db or database).lower(), table.name, depth)
            self._views[relation.view] = relation.definition
            return relation

        return translate(query, relation_of)

    def _relation(self, database: str, name: str, depth: int) -> Relation:
        declared = find_table(database, name)
        if found := _VIEW.fullmatch(declared.get("ViewOriginalText") or ""):
            if depth > _MOST_VIEWS:
                raise QueryFailedError(f"INVALID_VIEW: View '{database}.{name}' is too deep")
            view = json.loads(base64.b64decode(found[1]))
            text = self._translated(parse_query(view["originalSql"]), view["schema"], depth + 1)
            definition = f'SELECT *, NULL::VARCHAR AS "{PATH_COLUMN}" FROM ({text})'
            columns = columns_of(name, declared)
            return Relation(f"{database}.{name}", columns, 0, definition, is_table=False)
        relation = self._tables.relation(self._query, database, name)
        self._scanned[relation.view] = relation.size
        limit = self._request.scan_limit
        if limit is not None and sum(self._scanned.values()) > limit:
            raise QueryStoppedError("Bytes scanned limit was exceeded")
        return relation

    def _ask(self, job: str, text: str, **more: str) -> dict[str, Any]:
        return self._query.run(
            job=job,
            folder=str(self._folder),
            views=list(self._views.items()),
            text=text,
            to=str(self._target),
            **more,
        )

    def _select(self, query: exp.Query) -> Result:
        text = self._translated(query, self._request.database)
        answer = self._ask("query", text)
        return Result(
            answer["names"],
            answer["types"],
            rows=self._target,
            scanned=sum(self._scanned.values()),
        )

    # ---- CREATE TABLE AS, UNLOAD ----

    def _unload(self, unload: "_Unload") -> Result:
        query = parse_query(unload.query, self._request.parameters)
        uri, _ = self._write(query, unload.format, unload.location)
        return Result(written=[uri], scanned=sum(self._scanned.values()))

    def _create_table(self, statement: exp.Create, query: exp.Query) -> Result:
        database, name = self._named(statement.this)
        check_statement(["GetDatabase"], database)
        check_statement(["GetTable", "CreateTable"], database, name)
        if f"{database}/{name}" in hooks.glue.tables:
            if statement.args.get("exists"):
                return Result()
            raise QueryFailedError(
                f"TABLE_ALREADY_EXISTS: Destination table 'awsdatacatalog.{database}.{name}' "
                "already exists"
            )
        properties = _properties(statement)
        file_format = properties.pop("format", "parquet").lower()
        location = properties.pop("external_location", "")
        if location and self._request.enforced:
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
        folder, _, query_id = self._request.location.removesuffix(".csv").rpartition("/")
        location = location or f"{folder}/tables/{query_id}/"
        uri, columns = self._write(query, file_format, location)
        _make_table(database, name, columns, location, file_format)
        return Result(written=[uri], scanned=sum(self._scanned.values()))

    def _write(
        self, query: exp.Query, file_format: str, location: str
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
        key = f"{prefix}{self._target.name}{'.gz' if file_format == 'json' else ''}"
        check_output(parts.netloc, key)
        text = self._translated(query, self._request.database)
        columns = self._ask("write", text, format=file_format)["columns"]
        put_object(f"s3://{parts.netloc}/{key}", self._target.read_bytes())
        self._target.unlink()
        return f"s3://{parts.netloc}/{key}", columns

    # ---- Views ----

    def _create_view(self, statement: exp.Create, query: exp.Query) -> Result:
        database, name = self._named(statement.this)
        replaces = bool(statement.args.get("replace"))
        check_statement(["GetDatabase"], database)
        actions = ["GetTable", "CreateTable", *(["UpdateTable"] if replaces else [])]
        check_statement(actions, database, name)
        found = hooks.glue.tables.get(f"{database}/{name}")
        if found and not (replaces and found.get("TableType") == "VIRTUAL_VIEW"):
            raise QueryFailedError(f"TABLE_ALREADY_EXISTS: '{database}.{name}' already exists")
        text = self._translated(query, self._request.database)
        columns = self._ask("describe", text)["columns"]
        view = {
            "originalSql": query.sql("athena"),
            "catalog": "awsdatacatalog",
            "schema": self._request.database,
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

    def _drop_view(self, statement: exp.Drop) -> Result:
        database, name = self._named(statement.args["tables"][0])
        check_statement(["GetDatabase"], database)
        check_statement(["GetTable", "DeleteTable"], database, name)
        found = hooks.glue.tables.get(f"{database}/{name}", {})
        if found.get("TableType") == "VIRTUAL_VIEW":
            hooks.glue.delete_table({"DatabaseName": database, "Name": name})
        elif not statement.args.get("exists"):
            raise QueryFailedError(f"VIEW_NOT_FOUND: View '{database}.{name}' does not exist")
        return Result()

    def _named(self, table: exp.Expr) -> tuple[str, str]:
        """Database and name of what a statement makes or drops."""
        node = table.find(exp.Table)
        if node is None or not node.name:
            raise QueryFailedError("SYNTAX_ERROR: a name is missing")
        database = (node.text("db") or self._request.database).lower()
        if database not in hooks.glue.databases:
            raise QueryFailedError(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")
        return database, node.name.lower()


@dataclass(frozen=True)
class _Unload:
    """UNLOAD (query) TO 'location' WITH (format = 'PARQUET'), which sqlglot does not parse."""

    query: str
    location: str
    format: str

    _PATTERN = re.compile(
        r"(?:\s|--[^\n]*\n)*+UNLOAD\s*\((?P<query>.*)\)\s*TO\s*'(?P<location>[^']+)'"
        r"(?:\s*WITH\s*\((?P<with>[^()]*)\))?\s*;?\s*",
        re.IGNORECASE | re.DOTALL,
    )

    @classmethod
    def of(cls, text: str) -> "_Unload | None":
        found = cls._PATTERN.fullmatch(text)
        if found is None:
            return None
        options = dict(re.findall(r"(\w+)\s*=\s*'([^']*)'", (found["with"] or "").lower()))
        return cls(found["query"], found["location"], options.get("format", "parquet"))


def _properties(statement: exp.Create) -> dict[str, str]:
    """What WITH (...) says of a new table."""
    found = statement.args.get("properties") or exp.Properties(expressions=[])
    names = {exp.FileFormatProperty: "format", exp.ExternalProperty: "external_location"}
    return {
        names.get(type(it), it.name.lower()): it.text("value") or it.text("this")
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


def put_object(uri: str, body: bytes, content_type: str = "application/octet-stream") -> None:
    """Write an object, as Athena with the rights of its caller has been found to be allowed.

    Raises:
        QueryFailedError: S3 refused it.
    """
    parts = urlsplit(uri)
    headers = {"content-type": content_type, "content-length": str(len(body))}
    code, _, answer = hooks.s3.put_object(parts.netloc, parts.path[1:], body, headers)
    if code >= 300:  # noqa: PLR2004
        raise QueryFailedError(f"Could not write the result to {uri}: {answer!r}")
