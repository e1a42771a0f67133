"""Reads the records of a log line by line, as Trino's `OpenXJsonDeserializer` does.

A row is a dict of its columns' values, in a form that DuckDB reads as JSON; what only fails the
queries that read a column is under `ERRORS`, by column.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from embedded_aws.athena.json import JsonReader, MalformedError, Names
from embedded_aws.athena.values import (
    BLANKS,
    BadValueError,
    Decode,
    DuplicateKeyError,
    Literal,
    Type,
    scalar,
    text,
)

ERRORS = "$errors"
Row = dict[str, Any]
ReadRow = Callable[[str], Row]


_MOST_KEYS = 10_000  # that are remembered: a log may have a new one in every line
_DECODER = json.JSONDecoder(
    strict=False, parse_float=Literal, parse_int=Literal, parse_constant=Literal
)


def open_x(columns: Mapping[str, Type], serde: Mapping[str, str]) -> ReadRow:
    """Read lines of a table whose SerDe is `org.openx.data.jsonserde.JsonSerDe`.

    Args:
        columns: the table's columns and their types.
        serde: the SerDe's parameters.
    """
    names = Names(serde)
    lenient = serde.get("ignore.malformed.json", "").lower() == "true"
    read_columns = _Columns(columns, names)

    def read(line: str) -> Row:
        line = line.strip(BLANKS)
        if not line.startswith(("{", "[")):
            return {}
        try:
            try:
                # What follows the object is not looked at.
                return read_columns(_DECODER.raw_decode(line)[0])
            except (json.JSONDecodeError, DuplicateKeyError):
                return read_columns(JsonReader(line, names).read())
        except (MalformedError, RecursionError) as error:
            message = f"HIVE_BAD_DATA: Failed to parse value: {error}"
            return {} if lenient else {ERRORS: dict.fromkeys(columns, message)}

    return read


class _Struct:
    """Reads an object, or an array by position, into a struct.

    Each key that is met is looked up once: most of a log's keys are the same in every line.
    """

    def __init__(self, types: Mapping[str, Type], names: Names) -> None:
        self.decoders = {field: decoder(kind, names) for field, kind in types.items()}
        self._names = names
        self._by_key: dict[str, list[str]] = {}
        for field in types:
            self._by_key.setdefault(names.key_of(field), []).append(field)
        self._met: dict[str, tuple[str, Decode] | None] = {}
        self._several = any(len(fields) > 1 for fields in self._by_key.values())
        self._ambiguous = False  # whether a field's key was met in more than one spelling

    def __call__(self, value: Any) -> Row:
        if isinstance(value, dict):
            row: Row = {}
            met = self._met
            for key, item in value.items():
                found = met[key] if key in met else self._meet(key)
                if found is not None and item is not None:
                    field, decode = found
                    # Nine of ten values are texts, and need no call.
                    row[field] = item if decode is text and item.__class__ is str else decode(item)
            if self._ambiguous or self._several or self._names.dots:
                self._complete(value, row)
            return row
        if isinstance(value, list):
            pairs = zip(self.decoders.items(), value, strict=False)
            return {
                field: None if item is None else decode(item) for (field, decode), item in pairs
            }
        if isinstance(value, str) and not value.strip(BLANKS):
            return {}
        raise BadValueError("Primitive can not be coerced to a ROW")

    def _meet(self, key: str) -> tuple[str, Decode] | None:
        fields = self._by_key.get(self._names.same(key))
        found = (fields[0], self.decoders[fields[0]]) if fields else None
        self._ambiguous = self._ambiguous or (found is not None and found in self._met.values())
        if len(self._met) < _MOST_KEYS:
            self._met[key] = found
        return found

    def _complete(self, value: Row, row: Row) -> None:
        """What is rare: keys that differ in case, several fields of one key, dots in keys."""
        same = self._names.same
        if value.__class__ is dict and len({same(key) for key in value}) < len(value):
            raise DuplicateKeyError
        for key, item in value.items():
            fields = self._by_key.get(same(key), [])[1:]
            dotted = same(key.replace(".", "_"))
            if self._names.dots and "." in key and dotted in self.decoders and dotted not in row:
                fields = [*fields, dotted]
            row.update({it: None if item is None else self.decoders[it](item) for it in fields})


class _Columns:
    """Reads a record: a value that does not fit fails its own column only."""

    def __init__(self, types: Mapping[str, Type], names: Names) -> None:
        self._quick = _Struct(types, names)
        self._guarding = _Struct(types, names)
        for column, decode in self._guarding.decoders.items():
            self._guarding.decoders[column] = partial(self._guarded, column, decode)
        self._errors: dict[str, str] = {}

    def __call__(self, value: Any) -> Row:
        try:
            return self._quick(value)
        except BadValueError:
            self._errors = {}
            return self._guarding(value) | {ERRORS: self._errors}

    def _guarded(self, column: str, decode: Decode, value: Any) -> Any:
        try:
            return decode(value)
        except BadValueError as error:
            self._errors[column] = f"HIVE_BAD_DATA: Failed to parse value: {error}"


def decoder(kind: Type, names: Names) -> Decode:
    """How to read a JSON value into a column or field of a type."""
    if isinstance(kind, str):
        return scalar(kind)
    if isinstance(kind, list):
        return partial(_array, decoder(kind[0], names))
    if "*" in kind:
        return partial(_map, decoder(kind["*"], names), names)
    return _Struct(kind, names)


def _array(decode: Decode, value: Any) -> list[Any] | None:
    if isinstance(value, list):
        return [None if item is None else decode(item) for item in value]
    return None if isinstance(value, str) and not value else [decode(value)]


def _map(decode: Decode, names: Names, value: Any) -> Row | None:
    if isinstance(value, dict):
        if value.__class__ is dict and len({names.same(key) for key in value}) < len(value):
            raise DuplicateKeyError
        return {key: None if item is None else decode(item) for key, item in value.items()}
    # An empty object of PHP's (rcongiu/Hive-JSON-Serde, issue 112).
    if value == [] or (isinstance(value, str) and not value.strip(BLANKS)):
        return None
    raise BadValueError("Primitive can not be coerced to a MAP")
