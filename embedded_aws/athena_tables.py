"""Glue tables for DuckDB: what the table declares, over the objects below its location.

A table's objects are converted once, then again when the table or an object changes. JSON follows
the OpenX SerDe as Trino has it (`OpenXJsonDeserializer` of trinodb/trino): keys are matched without
regard to case, a `mapping.<field>` names the key of every field of that name at any depth, what is
no number is NULL in a column of numbers, and anything is text in a column of text.
"""

# ruff: noqa: S608 - it writes SQL: names go through quoted(), texts through literal()

import codecs
import gzip
import io
import itertools
import json
import mmap
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
from ministack.core.responses import (
    get_account_id,
    get_region,
)
from ministack.services import glue, s3
from sqlglot import exp
from sqlglot.errors import SqlglotError

from embedded_aws.athena_permissions import check_listing, check_object, check_select
from embedded_aws.athena_sql import PATH_COLUMN, QueryFailedError, Relation, fields_of

_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_SCALARS = (*_INTEGERS, "boolean", "float", "double", "decimal", "text", "varchar", "char")
_TIMES = ("date", "timestamp")


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
    return kind.is_type(*_SCALARS, *_TIMES, "binary")


def hive_text(kind: exp.DataType) -> str:
    """A type as the Glue catalog writes it: lower case, no spaces."""
    return re.sub(r"[\s`]", "", kind.sql("hive")).lower()


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A DuckDB string."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class _Object:
    bucket: str
    key: str
    etag: str
    size: int


def _objects(location: str) -> list[_Object]:
    """The objects below a table's location, without those that Hive takes for hidden."""
    parts = urlsplit(location)
    check_listing(parts.netloc, parts.path[1:])
    bucket = s3._buckets.get(parts.netloc)
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


class TableStore:
    """Makes relations of Glue tables, in one DuckDB database.

    Args:
        connection: the database; not to be used by another thread at the same time.
        folder: a private folder, for copies of the objects while they are converted.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._numbers = itertools.count(1)
        self._relations: dict[tuple[str, ...], tuple[str, Relation]] = {}

    def relation(self, database: str, table: str) -> Relation:
        """The relation of a Glue table of the request's account and region.

        Raises:
            QueryFailedError: there is no such table, or it cannot be read.
        """
        check_select(database, table)
        if database not in glue._databases:
            raise QueryFailedError(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")
        declared = glue._tables.get(f"{database}/{table}")
        if declared is None:
            raise QueryFailedError(
                f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{table}' does not exist"
            )
        storage = declared["StorageDescriptor"]
        objects = _objects(storage.get("Location") or "")
        for item in objects:
            check_object(item.bucket, item.key)
        signature = json.dumps(
            [
                [storage.get("Columns"), storage.get("SerdeInfo"), declared.get("Parameters")],
                declared.get("PartitionKeys"),
                [(item.bucket, item.key, item.etag) for item in objects],
            ],
            default=str,
        )
        key = (get_account_id(), get_region(), database, table)
        known, relation = self._relations.get(key, ("", None))
        if relation is None or known != signature:
            self._drop(relation)
            self._relations.pop(key, None)
            relation = self._convert(f"{database}.{table}", declared, objects)
            self._relations[key] = (signature, relation)
        return relation

    def _drop(self, relation: Relation | None) -> None:
        if relation:
            self._connection.execute(f"DROP VIEW {quoted(relation.view)}")
            self._connection.execute(f"DROP TABLE {quoted(relation.view + ' raw')}")

    def _convert(self, name: str, declared: dict[str, Any], objects: list[_Object]) -> Relation:
        storage = declared["StorageDescriptor"]
        serde = storage.get("SerdeInfo") or {}
        reader = _READERS.get(serde.get("SerializationLibrary", "").rpartition(".")[2].lower())
        if reader is None or declared.get("PartitionKeys"):
            raise QueryFailedError(
                f"NOT_SUPPORTED: The embedded Athena reads JSON and CSV without partitions: {name}"
            )
        try:
            columns = {
                column["Name"].lower(): hive_type(column["Type"]) for column in storage["Columns"]
            }
        except ValueError as error:
            raise QueryFailedError(f"HIVE_INVALID_METADATA: {name}: {error}") from error
        view = f"{name} {next(self._numbers)}"
        convert, clean = reader
        files = _Files(self._connection, objects, self._folder / view.rpartition(" ")[2], clean)
        try:
            raw, values = convert(
                files, columns, serde.get("Parameters") or {}, declared.get("Parameters") or {}
            )
            self._connection.execute(f"CREATE TABLE {quoted(view + ' raw')} AS {raw}")
            projections = [f"{value} AS {quoted(column)}" for column, value in values.items()]
            projections.append(f"raw.{quoted(PATH_COLUMN)}")
            self._connection.execute(
                f"CREATE VIEW {quoted(view)} AS SELECT {', '.join(projections)} "
                f"FROM {quoted(view + ' raw')} AS raw"
            )
        except duckdb.Error as error:
            message = files.named(str(error).split("\n", 1)[0])
            raise QueryFailedError(f"HIVE_CURSOR_ERROR: {name}: {message}") from error
        finally:
            files.delete()
        return Relation(view, columns, sum(item.size for item in objects))


# No log compresses this well; what does is not decompressed, so that a small object cannot fill
# the disk. Objects below the floor are read whatever their ratio is.
_LARGEST_RATIO, _ALWAYS_READ = 100, 64 * 2**20
_CHUNK = 2**20


def _content(item: _Object) -> Iterator[bytes]:
    """The bytes of an object in chunks; as on Hive, `.gz` means gzip.

    Raises:
        ValueError: it is much larger than what it is stored as.
        EOFError, OSError, zlib.error: it is not a whole gzip file.
    """
    stored = s3._get_object_data(item.bucket, item.key) or b""
    source = io.BytesIO(stored)
    with gzip.GzipFile(fileobj=source) if item.key.endswith(".gz") else source as file:
        size = 0
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > max(_ALWAYS_READ, _LARGEST_RATIO * len(stored)):
                raise ValueError(f"it is over {_LARGEST_RATIO} times as large as its gzip")
            yield chunk


Cleaning = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Makes of an object's content something that DuckDB can read."""


def _valid_text(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Replace what is not UTF-8, as Java does."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


class _Files:
    """Copies of a table's objects, cleaned and not compressed, which DuckDB reads.

    Raises:
        QueryFailedError: an object cannot be read; the text names it.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        objects: Sequence[_Object],
        folder: Path,
        clean: Cleaning,
    ) -> None:
        self.connection = connection
        self._folder = folder
        self._names = [f"s3://{item.bucket}/{item.key}" for item in objects]
        self._paths = [folder / str(number) for number in range(len(objects))]
        folder.mkdir()
        for item, path, name in zip(objects, self._paths, self._names, strict=True):
            try:
                with path.open("wb") as file:
                    file.writelines(clean(_content(item)))
            except (EOFError, ValueError, OSError, zlib.error) as error:
                self.delete()
                raise QueryFailedError(
                    f"HIVE_CURSOR_ERROR: Failed to read file at {name}: {error}"
                ) from error
        uris = ", ".join(map(literal, self._names))
        index = "regexp_extract(filename, '([0-9]+)$', 1)::INTEGER + 1"
        self.uri = f"list_extract([{uris}]::VARCHAR[], {index})"

    def read(self, columns: Sequence[str], delimiter: str, **options: str | int | bool) -> str:
        """A DuckDB table expression: text columns split at a delimiter, and `filename`."""
        names = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns)
        if not self._paths:
            nulls = ", ".join(f"NULL::VARCHAR AS {quoted(column)}" for column in columns)
            return f"(SELECT {nulls}, NULL::VARCHAR AS filename LIMIT 0)"
        paths = ", ".join(literal(str(path)) for path in self._paths)
        extra = "".join(
            f", {name} = {literal(value) if isinstance(value, str) else value}"
            for name, value in options.items()
        )
        return (
            f"read_csv([{paths}], columns = {{{names}}}, delim = {literal(delimiter)}, "
            f"auto_detect = false, header = false, filename = true{extra})"
        )

    def contain(self, *texts: str) -> bool:
        """Whether any of these texts is in any file."""
        for path in filter(lambda path: path.stat().st_size, self._paths):
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
                if any(data.find(text.encode()) >= 0 for text in texts):
                    return True
        return False

    def named(self, message: str) -> str:
        """The message with the URIs of the objects instead of the paths of their copies."""
        for path, name in zip(reversed(self._paths), reversed(self._names), strict=True):
            message = message.replace(str(path), name)
        return message

    def delete(self) -> None:
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._folder.rmdir()


Reading = tuple[str, dict[str, str]]
"""The SELECT that converts the objects, and an expression over its row `raw` for each column."""


def _flag(parameters: dict[str, str], name: str, *, default: bool) -> bool:
    return parameters.get(name, str(default)).lower() == "true"


def _bad_data(text: str, value: str) -> str:
    return f"error({literal(f'HIVE_BAD_DATA: {text}: ')} || {value})"


def _duckdb_type(kind: exp.DataType) -> str:
    return kind.sql("duckdb", identify=True)


# ---- CSV ----


def _csv(
    files: _Files,
    columns: dict[str, exp.DataType],
    delimiter: str,
    parameters: dict[str, str],
    **options: str | int | bool,
) -> str:
    source = files.read(
        list(columns),
        delimiter,
        skip=int(parameters.get("skip.header.line.count", 0)),
        null_padding=True,
        strict_mode=False,
        **options,
    )
    return f"SELECT * EXCLUDE (filename), {files.uri} AS {quoted(PATH_COLUMN)} FROM {source}"


def _csv_value(kind: exp.DataType, raw: str, otherwise: str) -> str:
    if kind.is_type("text", "varchar", "char"):
        return raw
    if not kind.is_type(*_SCALARS):
        raise QueryFailedError(f"NOT_SUPPORTED: {hive_text(kind)} in a CSV table")
    value = f"TRY_CAST({raw} AS {_duckdb_type(kind)})"
    if kind.is_type(*_INTEGERS):
        value = f"CASE WHEN regexp_full_match({raw}, '[+-]?[0-9]+') THEN {value} END"
    return f"CASE WHEN {raw} IS NOT NULL THEN coalesce({value}, {otherwise}) END"


def _open_csv(
    files: _Files,
    columns: dict[str, exp.DataType],
    serde: dict[str, str],
    parameters: dict[str, str],
) -> Reading:
    """OpenCSVSerde: quotes, empty text is not NULL, and what is no number fails the query.

    It takes a quote after an escape character and a doubled quote for a quote, DuckDB only one of
    the two: the escape character where the files have any.
    """
    quote, escape = serde.get("quoteChar", '"'), serde.get("escapeChar", "\\")
    select = _csv(
        files,
        columns,
        serde.get("separatorChar", ","),
        parameters,
        quote=quote,
        escape=escape if files.contain(escape + quote, escape * 2) else quote,
        nullstr="\x01",
        allow_quoted_nulls=False,
    )
    values = {}
    for column, kind in columns.items():
        raw = f"raw.{quoted(column)}"
        bad = _bad_data(f"Error parsing field value for field {column} ({hive_text(kind)})", raw)
        values[column] = _csv_value(kind, raw, bad)
    return select, values


def _lazy_simple(
    files: _Files,
    columns: dict[str, exp.DataType],
    serde: dict[str, str],
    parameters: dict[str, str],
) -> Reading:
    r"""LazySimpleSerDe: no quotes, `\N` is NULL, and so is what is no number."""
    delimiter = serde.get("field.delim", "\x01")
    select = _csv(files, columns, delimiter, parameters, quote="", escape="", nullstr="\\N")
    values = {
        column: _csv_value(kind, f"raw.{quoted(column)}", "NULL")
        for column, kind in columns.items()
    }
    return select, values


# ---- JSON ----

# The shape of the JSON as DuckDB's json_group_structure finds it: an object's keys, a list with
# the shape of its items, or the name of a scalar type ("JSON" where the shapes differ).
Shape = dict[str, Any] | list[Any] | str

# What DuckDB's json_transform is told to read: the same, with "VARCHAR" for every scalar.
Spec = dict[str, Any] | list[Any] | str


@dataclass
class _OpenX:
    """Plans how to read JSON of a known shape into declared columns.

    Attributes:
        keys: the JSON key of each field that has a mapping.
        renames: by a key the other spellings of it, filled while planning: DuckDB has no way to
            read an object whose keys differ in case only.
    """

    keys: dict[str, str]
    any_case: bool
    dots: bool
    renames: dict[str, set[str]] = field(default_factory=dict)

    def fields(
        self, declared: dict[str, exp.DataType], shape: dict[str, Any], raw: str
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """What to read of an object, and the value of each declared field.

        Args:
            declared: the fields and their types.
            shape: the shape of the object.
            raw: an expression for what was read of it.
        """
        found: dict[str, str] = {}  # the spelling of each key that is read
        read = {self._name(self.keys.get(name, name)) for name in declared}
        for key in shape:
            name = self._name(key)
            if name in read and found.setdefault(name, key) != key:
                self.renames.setdefault(found[name], set()).add(key)
        spec: dict[str, Any] = {}
        values: dict[str, str] = {}
        for name, kind in declared.items():
            spelling = found.get(self._name(self.keys.get(name, name)))
            if spelling is None:
                values[name] = f"NULL::{_duckdb_type(kind)}"
            else:
                access = f"struct_extract({raw}, {literal(spelling)})"
                spec[spelling], values[name] = self.value(kind, shape[spelling], access)
        return spec, values

    def _name(self, key: str) -> str:
        key = key.replace(".", "_") if self.dots else key
        return key.lower() if self.any_case else key

    def value(self, kind: exp.DataType, shape: Shape, raw: str) -> tuple[Spec, str]:
        """What to read of a value, and the expression that makes it the declared type."""
        if kind.is_type("struct") and isinstance(shape, dict):
            spec, values = self.fields(fields_of(kind), shape, raw)
            return spec or "VARCHAR", f"CASE WHEN {raw} IS NOT NULL THEN {_pack(values)} END"
        if kind.is_type("array") and shape != "JSON":
            return self._array(kind.expressions[0], shape, raw)
        if kind.is_type("map") and (isinstance(shape, dict) or shape == "JSON"):
            return "MAP(VARCHAR, VARCHAR)", self._map(kind, raw)
        return "VARCHAR", self._scalar(kind, raw)

    def _array(self, kind: exp.DataType, shape: Shape, raw: str) -> tuple[Spec, str]:
        if isinstance(shape, list):
            item = f"item{raw.count('item')}"
            spec, value = self.value(kind, shape[0], item)
            return [spec], f"list_transform({raw}, lambda {item}: {value})"
        # What is no array is an array of one; an empty text is none.
        spec, value = self.value(kind, shape, raw)
        some = f"{raw} <> ''" if spec == "VARCHAR" else f"{raw} IS NOT NULL"
        return spec, f"CASE WHEN {some} THEN [{value}] END"

    def _map(self, kind: exp.DataType, raw: str) -> str:
        key, value = kind.expressions
        if value.expressions or not key.is_type("text"):
            raise QueryFailedError("NOT_SUPPORTED: a map of other than text keys and plain values")
        item = f"struct_pack(k := entry.key, v := {self._scalar(value, 'entry.value')})"
        return f"map_from_entries(list_transform(map_entries({raw}), lambda entry: {item}))"

    def _scalar(self, kind: exp.DataType, raw: str) -> str:
        name = hive_text(kind)
        if kind.is_type("text", "varchar", "char"):
            return raw
        bad = _bad_data(f"Invalid JSON: value can not be coerced to {name}", raw)
        if kind.is_type("boolean"):
            return f"(lower({raw}) = 'true')"
        if kind.is_type("struct", "array", "map"):
            # Blank text is an empty row, or no map; any other text is an error.
            empty = _pack({of: f"NULL::{_duckdb_type(t)}" for of, t in fields_of(kind).items()})
            blank = empty if kind.is_type("struct") else f"NULL::{_duckdb_type(kind)}"
            return (
                f"CASE WHEN trim({raw}) IN ('', '{{}}') THEN {blank} "
                f"WHEN {raw} IS NOT NULL THEN {bad} END"
            )
        text = f"trunc(TRY_CAST({raw} AS DECIMAL(38, 10)))" if kind.is_type(*_INTEGERS) else raw
        value = f"TRY_CAST({text} AS {_duckdb_type(kind)})"
        return f"CASE WHEN {raw}[1] IN ('{{', '[') THEN {bad} ELSE {value} END"


def _pack(values: dict[str, str]) -> str:
    members = ", ".join(f"{quoted(name)} := {value}" for name, value in values.items())
    return f"struct_pack({members})" if members else "NULL"


def _open_x(
    files: _Files,
    columns: dict[str, exp.DataType],
    serde: dict[str, str],
    _: dict[str, str],
) -> Reading:
    mappings = {
        name.removeprefix("mapping.").lower(): key
        for name, key in serde.items()
        if name.startswith("mapping.")
    }
    reader = _OpenX(
        mappings,
        any_case=_flag(serde, "case.insensitive", default=True),
        dots=_flag(serde, "dots.in.keys", default=False),
    )
    # A line is one text: the delimiter is a character that JSON does not allow in one.
    source = files.read(["line"], "\x01", quote="", escape="", max_line_size=_LONGEST_LINE + 1)
    line = "line"
    shape, malformed = _shape(files.connection, source, line)
    if malformed and not _flag(serde, "ignore.malformed.json", default=False):
        raise QueryFailedError("HIVE_CURSOR_ERROR: Row is not a valid JSON Object")
    spec, values = reader.fields(columns, shape, "raw.event")
    if reader.renames:
        for spelling, keys in reader.renames.items():
            line = _renamed(line, sorted(keys), spelling)
        shape = _shape(files.connection, source, line)[0]
        # A key that is still there is written with escapes: its values are not read.
        spec, values = reader.fields(columns, shape, "raw.event")
    event = f"json_transform({_json(line)}, {literal(json.dumps(spec))})" if spec else "NULL"
    return f"SELECT {event} AS event, {files.uri} AS {quoted(PATH_COLUMN)} FROM {source}", values


_LONGEST_LINE = 2**24
# DuckDB's json_structure takes 126 levels, and the whole database is unusable after it met more.
_DEEPEST = 100
_NOT_JSON = b"{"
# Linear whatever it is given: it never gives back what it took, and takes a string without an end.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def _json_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The lines as DuckDB can read them; one that is nested too deep becomes malformed JSON.

    Raises:
        ValueError: a line is too long.
    """
    for text in _lines(chunks):
        if _brackets(text) > _DEEPEST:
            lines = text.split(b"\n")
            if len(max(lines, key=len)) > _DEEPEST:
                lines = [_NOT_JSON if _too_deep(line) else line for line in lines]
            yield b"\n".join(lines)
        else:
            yield text


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Some lines at a time, with LF for CR LF and CR: Hadoop ends lines at all three."""
    rest = b""
    for chunk in _valid_text(chunks):
        # DuckDB would split a line at this character, which JSON does not allow.
        text = rest + chunk.replace(b"\x01", b"\x02")
        # A CR at the end may be half of CR LF.
        end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
        lines, rest = text[:end].replace(b"\r\n", b"\n").replace(b"\r", b"\n"), text[end:]
        if max(lines.find(b"\n"), len(rest)) > _LONGEST_LINE:
            raise ValueError(f"a line is longer than {_LONGEST_LINE} bytes")
        yield lines
    yield rest.replace(b"\r", b"\n")


def _brackets(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _too_deep(line: bytes) -> bool:
    if _brackets(line) <= _DEEPEST:
        return False
    depth = 0
    for bracket in re.findall(rb"[\[\]{}]", _STRING.sub(b"", line)):
        depth += 1 if bracket in b"[{" else -1
        if depth > _DEEPEST:
            return True
    return False


def _json(line: str) -> str:
    """An object's line as JSON; any other line is NULL, and so are all columns of its row."""
    return f"CASE WHEN ltrim({line})[1] = '{{' THEN TRY_CAST({line} AS JSON) END"


def _shape(
    connection: duckdb.DuckDBPyConnection, source: str, line: str
) -> tuple[dict[str, Any], int]:
    """The shape of all objects, and how many lines begin as one and are none."""
    row = connection.execute(
        f"SELECT json_group_structure(event), count(*) FILTER (is_json AND event IS NULL) "
        f"FROM (SELECT {_json(line)} AS event, ltrim({line})[1] = '{{' AS is_json FROM {source})"
    ).fetchone()
    structure, malformed = row or (None, 0)
    shape = json.loads(structure or "{}")
    return shape if isinstance(shape, dict) else {}, malformed


def _renamed(line: str, keys: list[str], spelling: str) -> str:
    """The line with some keys spelled otherwise, at any depth.

    A quoted name before a colon is always a key: inside a text, a quote follows a backslash.
    """
    names = "|".join(re.escape(json.dumps(key, ensure_ascii=False)) for key in keys)
    pattern = literal("(?:" + names + r")\s*:")
    quoted_spelling = json.dumps(spelling, ensure_ascii=False).replace("\\", "\\\\")
    return f"regexp_replace({line}, {pattern}, {literal(quoted_spelling + ':')}, 'g')"


_READERS = {
    "jsonserde": (_open_x, _json_lines),
    "opencsvserde": (_open_csv, _valid_text),
    "lazysimpleserde": (_lazy_simple, _valid_text),
}
