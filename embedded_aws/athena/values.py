"""Reads a value of a log as Trino's OpenX reader does: what a column of a type shows for it.

The rules are those of trinodb/trino, lib/trino-hive-formats: `OpenXJsonDeserializer` and its
README.md, `JsonReader`, `JsonWriter`, `HiveFormatUtils`. `test_athena_records` has them in a table.
Where a number cannot be read, its field is NULL (README: "Parse failures result in `null`").
"""

import contextlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache, partial
from math import isfinite
from typing import Any

# A column's type: a primitive's name, a struct as a dict of its fields, a map as a dict whose only
# field is "*", an array as a list of its one element type.
Type = str | dict[str, "Type"] | list["Type"]
Decode = Callable[[Any], Any]

BLANKS = "".join(map(chr, range(33)))  # what Java's String.trim takes away
BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_MOST_DIGITS = 40  # beyond any number that a column can hold
_EXACT = Context(prec=2 * _MOST_DIGITS)
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_NUMBER = re.compile(_PLAIN_NUMBER.pattern + "(?:[eE][+-]?[0-9]{1,9})?")
WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_HEX, _OCTAL = re.compile(r"0[xX][0-9a-fA-F]{1,16}"), re.compile(r"0[0-7]{1,22}")
_ENDLESS = {"NaN", "Infinity", "+Infinity", "-Infinity"}
_MILLISECOND_DIGITS = 13  # a number this long is in milliseconds, a shorter one in seconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadValueError(Exception):
    """A value for which Trino fails every query that reads its column."""


class DuplicateKeyError(Exception):
    """An object has two keys that are one to the SerDe: read it with `JsonReader`."""


class Literal(str):
    """A JSON value without quotes: a number, or what a lenient reader takes for a text."""

    __slots__ = ()


class Object(dict[str, Any]):
    """A JSON object without two keys that are one to the SerDe."""


def text(value: Any) -> str:
    """The value in a column of text: anything is, as canonical JSON."""
    if value.__class__ is str:
        return value
    if isinstance(value, (dict, list)):
        return _json(value).replace("</", r"<\/")
    return _canonical(value)


def _json(value: Any) -> str:
    if isinstance(value, dict):
        if value.__class__ is dict and len({key.lower() for key in value}) < len(value):
            raise DuplicateKeyError
        return "{" + ",".join(f"{_quoted(key)}:{_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    if value is None:
        return "null"
    if value.__class__ is str:
        return _quoted(value)
    canonical = _canonical(value)
    plain = canonical in ("true", "false") or _NUMBER.fullmatch(canonical)
    return canonical if plain else _quoted(canonical)


_quoted = partial(json.dumps, ensure_ascii=False)


def _canonical(value: Any) -> str:
    """A value without quotes: numbers as Java's BigDecimal writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value.lower() in ("true", "false"):
        return str(value.lower())
    whole = _integer(value)
    if whole is not None:
        return str(whole)
    return str(Decimal(value)) if _NUMBER.fullmatch(value) else str(value)


@lru_cache(10_000)
def _integer(value: str) -> int | None:
    """A whole number as Java's Long has it, hexadecimal or octal where it begins as such."""
    if _HEX.fullmatch(value):
        number = int(value, 16)
    elif _OCTAL.fullmatch(value):
        number = int(value, 8)
    elif WHOLE.fullmatch(value):
        number = int(value)
    else:
        return None
    return in_range(64, number)


def in_range(bits: int, number: int) -> int | None:
    """The number, if it has no more bits than that."""
    return number if -(1 << bits - 1) <= number < 1 << bits - 1 else None


def _plain(value: Any, kind: str) -> str:
    """The text of a value that is neither an object nor an array."""
    if isinstance(value, (dict, list)):
        json_type = "Map" if isinstance(value, dict) else "List"
        raise BadValueError(f"{json_type} can not be coerced to a {kind}")
    return value if isinstance(value, str) else _canonical(value)


def _whole(bits: int, kind: str, value: Any) -> int | None:
    plain = _plain(value, kind)
    number = _integer(plain)
    if number is None and _NUMBER.fullmatch(plain):
        decimal = Decimal(plain)
        number = int(decimal) if decimal.adjusted() < _MOST_DIGITS else None
    return None if number is None else in_range(bits, number)


def double(value: Any) -> float | str | None:
    """The value in a column of `double` or `float`; what JSON has no number for is a text."""
    plain = _plain(value, "DOUBLE").strip(BLANKS)
    plain = plain if plain in _ENDLESS else plain.rstrip("fFdD")
    if plain not in _ENDLESS and not _NUMBER.fullmatch(plain):
        return None
    number = float(plain)
    return number if isfinite(number) else str(number)


def _boolean(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _decimal(precision: int, scale: int, value: Any) -> str | None:
    plain = _plain(value, "DECIMAL")
    if not _NUMBER.fullmatch(plain) or Decimal(plain).adjusted() >= _MOST_DIGITS:
        return None
    number = Decimal(plain).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _EXACT)
    return str(number) if number.adjusted() < precision - scale else None


def _date(value: Any) -> str | None:
    plain = _plain(value, "DATE")
    days = _integer(plain)
    with contextlib.suppress(OverflowError, ValueError):
        if days is not None:
            return (_EPOCH + timedelta(days)).date().isoformat()
        return datetime.fromisoformat(plain.strip(BLANKS)[:10]).date().isoformat()
    return None


def _timestamp(value: Any) -> str | None:
    """A time with its zone or in UTC; a number is one of seconds, a long one of milliseconds."""
    plain = _plain(value, "TIMESTAMP").strip(BLANKS)
    with contextlib.suppress(OverflowError, ValueError):
        if ":" in plain:
            moment = datetime.fromisoformat(plain)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        elif _PLAIN_NUMBER.fullmatch(plain):
            thousand = 1 if len(plain) >= _MILLISECOND_DIGITS and "." not in plain else 1000
            moment = _EPOCH + timedelta(milliseconds=int(Decimal(plain) * thousand))
        else:
            return None
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")
    return None


_SIMPLE: dict[str, Decode] = {
    "string": text,
    "boolean": _boolean,
    "double": double,
    "float": double,
    "date": _date,
    "timestamp": _timestamp,
    **{kind: partial(_whole, bits, kind.upper()) for kind, bits in BITS.items()},
}
_WITH_LENGTH = re.compile(r"(varchar|char|decimal)\((\d+)(?:,(\d+))?\)")


def scalar(kind: str) -> Decode:
    """How to read a value into a column of a primitive type."""
    found = _WITH_LENGTH.fullmatch(kind)
    if found is None:
        return _SIMPLE[kind]
    length = int(found[2])
    if found[1] == "decimal":
        return partial(_decimal, length, int(found[3] or 0))
    if found[1] == "char":
        return lambda value: text(value)[:length].rstrip(" ")
    return lambda value: text(value)[:length]
