"""What Athena answers for a value, a type and an error of DuckDB's."""

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from math import isinf, isnan
from typing import Any, cast

import duckdb
from duckdb.sqltypes import DuckDBPyType

# Before a text that DuckDB reads and Trino does not, so that neither does.
UNREADABLE = "\N{REPLACEMENT CHARACTER}"

# DuckDB's error classes, most particular first, and Trino's error names.
_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (duckdb.OutOfMemoryException, "EXCEEDED_LOCAL_MEMORY_LIMIT"),
    (duckdb.InternalException, "GENERIC_INTERNAL_ERROR"),
    (duckdb.FatalException, "GENERIC_INTERNAL_ERROR"),
    (duckdb.CatalogException, "FUNCTION_NOT_FOUND"),
    (duckdb.BinderException, "SYNTAX_ERROR"),
    (duckdb.ParserException, "SYNTAX_ERROR"),
    (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
    (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
)


# What DuckDB says of the most frequent mistakes, and Trino: {0} is the first group in lower case.
_MESSAGES = {
    rf"{UNREADABLE}([^\"']*)": "INVALID_CAST_ARGUMENT: Value cannot be cast: {1}",
    r'column "(.*)" must appear in the GROUP BY clause': (
        "EXPRESSION_NOT_AGGREGATE: '{0}' must be an aggregate expression or appear in GROUP BY "
        "clause"
    ),
    r"No function matches .* argument types '(\w+)\((.*)\)'\.": (
        "TYPE_MISMATCH: Unexpected parameters ({1}) for function {0}"
    ),
    r"Cannot compare values of type ([\w ]+) and (?:values of )?type ([\w ]+)": (
        "TYPE_MISMATCH: Cannot apply operator: {0} and {1}"
    ),
}


def failure(error: duckdb.Error) -> str:
    """The reason that Athena would give for what DuckDB raised."""
    message = str(error).split("\n", 1)[0].partition(": ")[2] or str(error)
    if message.startswith(("HIVE_", "INVALID_FUNCTION_ARGUMENT")):
        return message
    for pattern, trinos in _MESSAGES.items():
        if found := re.search(pattern, message):
            return trinos.format(*(group.lower() for group in found.groups()), *found.groups())
    if message.startswith("Division by zero"):
        return "DIVISION_BY_ZERO: Division by zero"
    names = (name for kind, name in _ERRORS if isinstance(error, kind))
    return f"{next(names, 'GENERIC_USER_ERROR')}: {message}"


# DuckDB type ids whose name differs in Athena's ColumnInfo, which gives no element types.
_ATHENA_TYPES = {
    "hugeint": "bigint",
    "interval": "interval day to second",
    "struct": "row",
    "list": "array",
    "blob": "varbinary",
    "null": "unknown",
    **dict.fromkeys(("timestamp_s", "timestamp_ms", "timestamp_ns"), "timestamp"),
}


def athena_type(kind: DuckDBPyType) -> str:
    """The `Type` that GetQueryResults gives a column of this DuckDB type."""
    return _ATHENA_TYPES.get(kind.id, kind.id)


# DuckDB type ids whose name differs in the Glue catalog.
_HIVE_TYPES = {
    "varchar": "string",
    "integer": "int",
    "hugeint": "bigint",
    "blob": "binary",
    **dict.fromkeys(("timestamp_s", "timestamp_ms", "timestamp_ns"), "timestamp"),
}


def hive_type_of(kind: DuckDBPyType) -> str:
    """The type that a table or view of the Glue catalog gives a column of this DuckDB type."""
    if kind.id == "struct":
        return f"struct<{','.join(f'{n}:{hive_type_of(of)}' for n, of in _kinds(kind).items())}>"
    if kind.id == "list":
        return f"array<{hive_type_of(_kinds(kind)['child'])}>"
    if kind.id == "map":
        return f"map<{','.join(hive_type_of(of) for of in _kinds(kind).values())}>"
    if kind.id == "decimal":
        return str(kind).lower()
    return _HIVE_TYPES.get(kind.id, kind.id)


def athena_text(value: Any, kind: DuckDBPyType) -> str | None:
    """A value as Athena's results show it: `{sku=A1, price=9.5}`, `[a, b]`; None for NULL."""
    if value is None:
        return None
    text = _TEXTS.get(kind.id)
    return text(value, kind) if text else str(value)


def _item_text(value: Any, kind: DuckDBPyType) -> str:
    text = athena_text(value, kind)
    return "null" if text is None else text


def _kinds(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The types inside a type, by field name for a struct, `child`, or `key` and `value`."""
    return dict(cast("list[tuple[str, DuckDBPyType]]", kind.children))


def _struct_text(value: dict[str, Any], kind: DuckDBPyType) -> str:
    fields = (f"{name}={_item_text(value[name], of)}" for name, of in _kinds(kind).items())
    return "{" + ", ".join(fields) + "}"


def _list_text(value: list[Any], kind: DuckDBPyType) -> str:
    return "[" + ", ".join(_item_text(item, _kinds(kind)["child"]) for item in value) + "]"


def _map_text(value: dict[Any, Any], kind: DuckDBPyType) -> str:
    of = _kinds(kind)
    items = (f"{_item_text(k, of['key'])}={_item_text(v, of['value'])}" for k, v in value.items())
    return "{" + ", ".join(items) + "}"


def _double_text(value: float, _: DuckDBPyType) -> str:
    """As Java writes a double: `12.5`, `1.0E7`."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:  # noqa: PLR2004
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    fraction = "".join(map(str, digits[1:])) or "0"
    power = len(digits) - 1 + int(exponent)
    return f"{'-' if sign else ''}{digits[0]}.{fraction}E{power}"


def _time_text(value: datetime, _: DuckDBPyType) -> str:
    return value.replace(tzinfo=None).isoformat(" ", "milliseconds")


def _interval_text(value: timedelta, _: DuckDBPyType) -> str:
    """`4 00:00:00.000`: days, and the rest as a time."""
    milliseconds = round(abs(value) / timedelta(milliseconds=1))
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}{days} {hour:02}:{minute:02}:{second:02}.{fraction:03}"


_TEXTS: dict[str, Callable[[Any, DuckDBPyType], str]] = {
    "boolean": lambda value, _: "true" if value else "false",
    "double": _double_text,
    "float": _double_text,
    "interval": _interval_text,
    "struct": _struct_text,
    "list": _list_text,
    "map": _map_text,
    "time": lambda value, _: cast("time", value).isoformat("milliseconds"),
    **dict.fromkeys(("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"), _time_text),
    "timestamp with time zone": lambda value, kind: f"{_time_text(value, kind)} UTC",
    "blob": lambda value, _: value.hex(" "),
}
