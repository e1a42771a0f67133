"""Finds the objects of a Glue table, and keeps them converted for the queries that read them.

A table's objects are converted once, then again when the table or an object changes.
"""

# ruff: noqa: S608 - it writes SQL: names go through quoted(), texts through literal()

import itertools
import json
import os
import re
import shutil
import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlglot import exp
from sqlglot.errors import SqlglotError

from embedded_aws import hooks
from embedded_aws.athena.engine import FILE, literal, quoted
from embedded_aws.athena.errors import QueryFailedError, QueryStoppedError
from embedded_aws.athena.names import PATH_COLUMN, Relation, fields_of
from embedded_aws.athena.permissions import check_listing, check_object, check_select
from embedded_aws.athena.records import ERRORS
from embedded_aws.athena.values import Type
from embedded_aws.athena.workers import RunningQuery

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
_SCALARS = (*_NUMBERS, "boolean", "text", "varchar", "char", "date", "timestamp")


def hive_type(text: str) -> exp.DataType:
    """Parse a column type of the Glue catalog, such as `struct<sku:string,price:double>`.

    Raises:
        ValueError: Athena has no such type.
    """
    try:
        kind = exp.DataType.build(text, dialect="hive")
    except SqlglotError as error:
        raise ValueError(f"'{text}' is not a type") from error
    if not _known(kind):
        raise ValueError(f"'{text}' is not a type")
    return kind


def _known(kind: exp.Expr | None) -> bool:
    if not isinstance(kind, exp.DataType):
        return False
    if kind.is_type("struct"):
        inner = [field.args.get("kind") for field in kind.expressions]
        return bool(inner) and all(map(_known, inner))
    if kind.is_type("array", "map"):
        wanted = 2 if kind.is_type("map") else 1
        return len(kind.expressions) == wanted and all(map(_known, kind.expressions))
    return kind.is_type(*_SCALARS, "binary")


def hive_text(kind: exp.DataType) -> str:
    """A type as the Glue catalog writes it: lower case, no spaces."""
    return re.sub(r"[\s`]", "", kind.sql("hive")).lower()


def _spec(kind: exp.DataType) -> Type:
    """A type in the form that the engine takes."""
    if kind.is_type("struct"):
        return {name: _spec(of) for name, of in fields_of(kind).items()}
    if kind.is_type("array"):
        return [_spec(kind.expressions[0])]
    if kind.is_type("map") and kind.expressions[0].is_type("text"):
        return {"*": _spec(kind.expressions[1])}
    text = hive_text(kind)
    if not kind.is_type(*_SCALARS):
        raise QueryFailedError(f"NOT_SUPPORTED: The embedded Athena reads no columns of {text}")
    return "decimal(10,0)" if text == "decimal" else text


@dataclass(frozen=True)
class _Object:
    bucket: str
    key: str
    etag: str
    size: int

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def _objects(location: str) -> list[_Object]:
    """The objects below a table's location, without those that Hive takes for hidden."""
    parts = urlsplit(location)
    check_listing(parts.netloc, parts.path[1:])
    bucket = hooks.s3.buckets.get(parts.netloc)
    if bucket is None:
        raise QueryFailedError(
            f"HIVE_FILESYSTEM_ERROR: The specified bucket does not exist: {parts.netloc}"
        )
    prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
    return [
        _Object(parts.netloc, key, record["etag"], record["size"])
        for key, record in sorted(bucket["objects"].items())
        if key.startswith(prefix)
        and not key.endswith("/")
        and not re.search(r"(^|/)[_.]", key[len(prefix) :])
    ]


def find_table(database: str, table: str) -> dict[str, Any]:
    """A table of the request's account and region as the Glue catalog has it.

    Raises:
        QueryFailedError: there is none, or the caller may not see it.
    """
    check_select(database, table)
    if database == "information_schema":
        raise QueryFailedError(
            "NOT_SUPPORTED: The embedded Athena has no information_schema: SHOW TABLES, DESCRIBE"
        )
    if database not in hooks.glue.databases:
        raise QueryFailedError(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")
    declared: dict[str, Any] | None = hooks.glue.tables.get(f"{database}/{table}")
    if declared is None:
        raise QueryFailedError(
            f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{table}' does not exist"
        )
    return declared


def columns_of(name: str, declared: dict[str, Any]) -> dict[str, exp.DataType]:
    """The columns of a table or view of the catalog and their types.

    Raises:
        QueryFailedError: a type that there is not.
    """
    try:
        columns = declared["StorageDescriptor"]["Columns"]
        return {column["Name"].lower(): hive_type(column["Type"]) for column in columns}
    except ValueError as error:
        raise QueryFailedError(f"HIVE_INVALID_METADATA: {name}: {error}") from error


_SERDES = ("jsonserde", "opencsvserde", "parquethiveserde")
# Larger tables are converted by as many processes as the machine has processors.
_SHARED_FROM_BYTES = 2**19


class TableStore:
    """Makes relations of Glue tables.

    Args:
        folder: a private folder for the converted tables.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._locks: dict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)
        self._relations: dict[tuple[str, ...], tuple[str, Relation, Path]] = {}
        self._stale: list[Path] = []

    def relation(
        self, query: RunningQuery, database: str, table: str, limit: int | None
    ) -> Relation:
        """The relation of a Glue table of the request's account and region.

        Raises:
            QueryFailedError: there is no such table, or it cannot be read.
            QueryStoppedError: it has more bytes than the limit.
        """
        declared = find_table(database, table)
        storage = declared["StorageDescriptor"]
        objects = _objects(storage.get("Location") or "")
        for item in objects:
            check_object(item.bucket, item.key)
        if limit is not None and sum(item.size for item in objects) > limit:
            raise QueryStoppedError("Bytes scanned limit was exceeded")
        signature = json.dumps(
            [
                [storage.get("Columns"), storage.get("SerdeInfo"), declared.get("Parameters")],
                declared.get("PartitionKeys"),
                [(item.bucket, item.key, item.etag) for item in objects],
            ],
            default=str,
        )
        account, region = hooks.responses.get_account_id(), hooks.responses.get_region()
        key = (account, region, database, table)
        with self._locks[key]:
            known = self._relations.get(key)
            if known is None or known[0] != signature:
                folder = self._folder / str(next(self._numbers))
                relation = _converted(query, f"{database}.{table}", declared, objects, folder)
                if known:
                    self._stale.append(known[2])
                self._relations[key] = known = (signature, relation, folder)
        return known[1]

    def forget_stale(self) -> None:
        """Delete what no query reads any more; call it when none runs."""
        while self._stale:
            shutil.rmtree(self._stale.pop(), ignore_errors=True)


def _converted(
    query: RunningQuery,
    name: str,
    declared: dict[str, Any],
    objects: list[_Object],
    folder: Path,
) -> Relation:
    serde = declared["StorageDescriptor"].get("SerdeInfo") or {}
    kind = serde.get("SerializationLibrary", "").rpartition(".")[2].lower()
    if kind not in _SERDES or declared.get("PartitionKeys"):
        raise QueryFailedError(
            "NOT_SUPPORTED: The embedded Athena reads JSON, CSV (OpenCSVSerde) and Parquet "
            f"without partitions: {name}"
        )
    if "timestamp.formats" in (serde.get("Parameters") or {}):
        raise QueryFailedError(f"NOT_SUPPORTED: timestamp.formats: {name}")
    columns = columns_of(name, declared)
    folder.mkdir()
    shares = _shares(objects)
    jobs = [
        {
            "job": "convert parquet" if objects and kind == "parquethiveserde" else "convert",
            "columns": {column: _spec(of) for column, of in columns.items()},
            "serde": kind,
            "parameters": serde.get("Parameters") or {},
            "table_parameters": declared.get("Parameters") or {},
            "files": [_copied(number, item, folder) for number, item in share],
            "to": str(folder / f"{index}.parquet"),
        }
        for index, share in enumerate(shares)
    ]
    try:
        answers = query.run_all(jobs)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for copy in folder.glob("*.object"):
        copy.unlink()
    failing = {column for answer in answers for column in answer["failing"]}
    values = [
        f"if({quoted(ERRORS)}[{literal(column)}] IS NULL, {quoted(column)}, "
        f"error({quoted(ERRORS)}[{literal(column)}])) AS {quoted(column)}"
        if column in failing
        else quoted(column)
        for column in columns
    ]
    uris = ", ".join(literal(item.uri) for item in objects)
    values.append(f"([{uris}]::VARCHAR[])[{quoted(FILE)} + 1] AS {quoted(PATH_COLUMN)}")
    files = ", ".join(literal(job["to"]) for job in jobs)
    return Relation(
        f"{name} {folder.name}",
        columns,
        sum(item.size for item in objects),
        f"SELECT {', '.join(values)} FROM read_parquet([{files}])",
    )


def _shares(objects: list[_Object]) -> list[list[tuple[int, _Object]]]:
    """The objects and their numbers, for as many processes as it is worth to start."""
    large = sum(item.size for item in objects) > _SHARED_FROM_BYTES
    count = min(os.cpu_count() or 1, len(objects)) if large else 1
    numbered = sorted(enumerate(objects), key=lambda pair: -pair[1].size)
    return [numbered[index::count] for index in range(count)]


def _copied(number: int, item: _Object, folder: Path) -> tuple[str, bool, str, int]:
    """A copy of an object for the engine; as on Hive, `.gz` means gzip."""
    path = folder / f"{number}.object"
    path.write_bytes(hooks.s3.get_object_data(item.bucket, item.key) or b"")
    return str(path), item.key.endswith(".gz"), item.uri, number
