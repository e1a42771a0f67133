"""Computes for the embedded Athena, in a process of its own that may be killed at any time.

It takes jobs from standard input, one JSON object a line, and answers each with a line. A job names
files of the embedded Athena's own folder only. See `JOBS` for what there is to do.
"""

# ruff: noqa: S608 - it writes SQL: names go through quoted(), texts through literal()

import contextlib
import gc
import gzip
import json
import os
import queue
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

import duckdb

from embedded_aws.athena.csv import open_csv
from embedded_aws.athena.records import ERRORS, Row, open_x
from embedded_aws.athena.results import athena_text, athena_type, failure, hive_type_of
from embedded_aws.athena.values import BadValueError, Type

Job = Mapping[str, Any]
Answer = dict[str, Any]

FILE = "$file"
# What one query may use of this machine; Athena would say that the query exhausted resources.
_MEMORY, _DISK = "1GB", "8GB"
_LARGEST_RESULT = 2**28
_EXHAUSTED = "Query exhausted resources at this scale factor"


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A DuckDB string."""
    return "'" + text.replace("'", "''") + "'"


def open_database(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a database that reads and writes in one folder only, whatever the SQL says."""
    connection = duckdb.connect(
        config={
            "allow_community_extensions": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "max_temp_directory_size": _DISK,
            "memory_limit": _MEMORY,
            "python_enable_replacements": False,
            "temp_directory": str(folder / f"spill-{os.getpid()}"),
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


# ---- Converting the objects of a table ----

# No log compresses this well; what does is not decompressed, so that a small object cannot fill
# the disk. Objects below the floor are read whatever their ratio is.
_LARGEST_RATIO, _ALWAYS_READ = 100, 128 * 2**20
_LARGEST_RATIO_OF_GZIP = 1100
_LONGEST_LINE = 2**24


def lines(path: Path, *, gzipped: bool) -> Iterator[str]:
    """The lines of a file, which end at LF, CR LF and CR.

    Raises:
        ValueError: it is much larger than what it is stored as, or a line is too long.
        EOFError, OSError, zlib.error: it is not a whole gzip file.
    """
    if gzipped:
        _check_ratio(path)
    begun = False
    with (gzip.open if gzipped else open)(
        path, "rt", encoding="utf-8-sig", errors="replace"
    ) as file:
        try:
            while line := file.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE:
                    raise ValueError(f"a line is longer than {_LONGEST_LINE} characters")
                begun = True
                yield line.removesuffix("\n")
        except gzip.BadGzipFile as error:  # what follows a whole gzip file is ignored
            if not begun or not str(error).startswith("Not a gzipped file"):
                raise


def skipped(lines: Iterator[str], parameters: Mapping[str, str]) -> Iterator[str]:
    """The lines after the header that the table's parameters say that a file has."""
    count = parameters.get("skip.header.line.count", "0")
    return islice(lines, int(count) if count.isdecimal() else 0, None)


def _check_ratio(path: Path) -> None:
    """Decompress what might be too large, before a row is made of it."""
    size = path.stat().st_size
    limit = max(_ALWAYS_READ, _LARGEST_RATIO * size)
    if _LARGEST_RATIO_OF_GZIP * size <= limit:
        return
    with gzip.open(path) as file, contextlib.suppress(gzip.BadGzipFile):  # the reader reports it
        read = 0
        while chunk := file.read(2**20):
            read += len(chunk)
            if read > limit:
                raise ValueError(f"it is over {_LARGEST_RATIO} times as large as its gzip")


def _convert(job: Job) -> Answer:
    """Make one Parquet file of a table's objects.

    The job's `files` have a path, whether it is gzipped, the object's URI and its number, which
    becomes the column `$file`. The answer's `failing` are the columns that have no value somewhere
    and fail a query that reads them: `$errors` has the reasons by column.
    """
    columns, target = cast("dict[str, Type]", job["columns"]), Path(job["to"])
    make = open_csv if job["serde"] == "opencsvserde" else open_x
    try:
        read = make(columns, job["parameters"])
    except BadValueError as error:
        return {"reason": str(error)}
    failing: set[str] = set()
    longest = 0
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    rows = target.with_suffix(".json")
    with rows.open("w", encoding="utf-8", errors="replace") as written:
        for path, gzipped, uri, number in job["files"]:
            try:
                for line in skipped(lines(Path(path), gzipped=gzipped), job["table_parameters"]):
                    row = read(line)
                    if ERRORS in row:
                        failing.update(row[ERRORS])
                        row = _naming(row, uri)
                    row[FILE] = number
                    text = encode(row)
                    longest = max(longest, len(text))
                    written.write(text + "\n")
            except (EOFError, OSError, ValueError, zlib.error) as error:
                return {"reason": f"HIVE_CURSOR_ERROR: Failed to read file at {uri}: {error}"}
    kinds: dict[str, Type] = {**columns, FILE: "int", ERRORS: {"*": "string"}}
    spec = ", ".join(
        f"{literal(name)}: {literal(duckdb_type(kind))}" for name, kind in kinds.items()
    )
    _copy(
        target,
        f"SELECT * FROM read_json({literal(str(rows))}, format = 'newline_delimited', "
        f"columns = {{{spec}}}, maximum_object_size = {max(4 * longest, 2**24)})",
    )
    rows.unlink()
    return {"failing": sorted(failing)}


def _naming(row: Row, uri: str) -> Row:
    return {**row, ERRORS: {column: f"{reason} ({uri})" for column, reason in row[ERRORS].items()}}


def _convert_parquet(job: Job) -> Answer:
    """Make one Parquet file of the Parquet files of a table, with the columns that it declares."""
    selects = []
    connection = open_database(Path(job["to"]).parent)
    for path, _, uri, number in job["files"]:
        try:
            names = connection.execute(f"DESCRIBE FROM read_parquet({literal(path)})").fetchall()
        except duckdb.Error as error:
            return {"reason": f"HIVE_CURSOR_ERROR: Failed to read file at {uri}: {failure(error)}"}
        there = {name.lower(): name for name, *_ in names}
        values = [
            f"CAST({quoted(there[name]) if name in there else 'NULL'} AS {duckdb_type(kind)}) "
            f"AS {quoted(name)}"
            for name, kind in job["columns"].items()
        ]
        selects.append(
            f"SELECT {', '.join(values)}, {number} AS {quoted(FILE)} FROM "
            f"read_parquet({literal(path)})"
        )
    _copy(Path(job["to"]), " UNION ALL ".join(selects))
    return {"failing": []}


def _copy(target: Path, select: str) -> None:
    connection = open_database(target.parent)
    connection.execute(f"COPY ({select}) TO {literal(str(target))} (FORMAT parquet)")
    connection.close()


def duckdb_type(kind: Type) -> str:
    """A column's type as DuckDB has it."""
    if isinstance(kind, list):
        return f"{duckdb_type(kind[0])}[]"
    if isinstance(kind, dict):
        if "*" in kind:
            return f"MAP(VARCHAR, {duckdb_type(kind['*'])})"
        return f"STRUCT({', '.join(f'{quoted(n)} {duckdb_type(of)}' for n, of in kind.items())})"
    return "VARCHAR" if kind == "string" or kind.startswith(("varchar", "char")) else kind


# ---- Running a statement ----


def _query(job: Job) -> Answer:
    """Run a query and write its rows to a file: quoted CSV, where NULL is empty and unquoted."""
    connection = _with_views(job)
    cursor = connection.execute(job["text"])
    described = cursor.description or []
    names, kinds = [name for name, *_ in described], [kind for _, kind, *_ in described]
    size = 0
    with Path(job["to"]).open("w", encoding="utf-8", newline="") as file:
        size += file.write(_csv_line(names))
        while rows := cursor.fetchmany(1000):
            for row in rows:
                texts = [athena_text(*pair) for pair in zip(row, kinds, strict=True)]
                size += file.write(_csv_line(texts))
            if size > _LARGEST_RESULT:
                return {"reason": _EXHAUSTED}
    return {"names": names, "types": [athena_type(kind) for kind in kinds]}


def _csv_line(values: Sequence[str | None]) -> str:
    texts = ("" if it is None else '"' + it.replace('"', '""') + '"' for it in values)
    return ",".join(texts) + "\n"


def _write(job: Job) -> Answer:
    """Run a query and write its rows to a file of another format."""
    connection = _with_views(job)
    options = {"parquet": "FORMAT parquet", "json": "FORMAT json, COMPRESSION gzip"}[job["format"]]
    (count,) = connection.execute(
        f"COPY ({job['text']}) TO {literal(job['to'])} ({options})"
    ).fetchone() or (0,)
    return {"rows": count, **_described(connection, job["text"])}


def _describe(job: Job) -> Answer:
    """The columns of a query, as a view's entry in the catalog has them."""
    return _described(_with_views(job), job["text"])


def _described(connection: duckdb.DuckDBPyConnection, text: str) -> Answer:
    described = connection.execute(f"SELECT * FROM ({text}) LIMIT 0").description or []
    return {"columns": [[name.lower(), hive_type_of(kind)] for name, kind, *_ in described]}


def _with_views(job: Job) -> duckdb.DuckDBPyConnection:
    connection = open_database(Path(job["folder"]))
    for name, definition in job["views"]:
        connection.execute(f"CREATE VIEW {quoted(name)} AS {definition}")
    return connection


JOBS: dict[str, Callable[[Job], Answer]] = {
    "convert": _convert,
    "convert parquet": _convert_parquet,
    "query": _query,
    "write": _write,
    "describe": _describe,
}


def _answer(job: Job) -> Answer:
    try:
        return JOBS[job["job"]](job)
    except duckdb.Error as error:
        return {"reason": failure(error)}
    except MemoryError:
        return {"reason": _EXHAUSTED}
    except Exception as error:  # noqa: BLE001 - whatever it is, the query gets an end
        return {"reason": f"GENERIC_INTERNAL_ERROR: {error!r}"}


def main() -> None:
    """Work until standard input ends, whatever is being computed then."""
    gc.disable()  # a row makes many objects and no cycle
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keep what a library prints out of the answers
    jobs = queue.SimpleQueue[Job]()

    def receive() -> None:
        for line in sys.stdin:
            jobs.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    while True:
        print(json.dumps(_answer(jobs.get())), file=answers, flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
