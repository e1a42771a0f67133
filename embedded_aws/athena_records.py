"""Reads the records of a log line by line, as Trino's OpenX and CSV readers do.

The rules are those of trinodb/trino, lib/trino-hive-formats: `TextLineReader`,
`OpenXJsonDeserializer`, `JsonReader` and `CsvDeserializer`. A row is a dict of its columns' values,
in a form that DuckDB reads as JSON; what only fails the queries that read a column is under
`ERRORS`, by column.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from embedded_aws.athena_values import (
    BLANKS,
    BadValueError,
    Decode,
    DuplicateKeyError,
    Literal,
    Object,
    Type,
    scalar,
)

ERRORS = "$errors"
Row = dict[str, Any]
ReadRow = Callable[[str], Row]


class MalformedError(ValueError):
    """A line that is no JSON, however leniently it is read."""


# ---- JSON: OpenXJsonDeserializer ----

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
    names = _Names(serde)
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


class _Names:
    """How the keys of an object become the names of fields."""

    def __init__(self, serde: Mapping[str, str]) -> None:
        self.any_case = serde.get("case.insensitive", "true").lower() == "true"
        self.dots = serde.get("dots.in.keys", "").lower() == "true"
        self._keys = {
            name.removeprefix("mapping."): key
            for name, key in serde.items()
            if name.startswith("mapping.")
        }

    def same(self, key: str) -> str:
        """The key, as it is compared with others."""
        return key.lower() if self.any_case else key

    def key_of(self, field: str) -> str:
        """The key of a field, at whatever depth, as it is compared with others."""
        return self.same(self._keys.get(field, field))


class _Struct:
    """Reads an object, or an array by position, into a struct.

    Each key that is met is looked up once: most of a log's keys are the same in every line.
    """

    def __init__(self, types: Mapping[str, Type], names: _Names) -> None:
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
                    row[found[0]] = found[1](item)
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
            for field in fields:
                row[field] = None if item is None else self.decoders[field](item)


class _Columns:
    """Reads a record: a value that does not fit fails its own column only."""

    def __init__(self, types: Mapping[str, Type], names: _Names) -> None:
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


def decoder(kind: Type, names: _Names) -> Decode:
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


def _map(decode: Decode, names: _Names, value: Any) -> Row | None:
    if isinstance(value, dict):
        if value.__class__ is dict and len({names.same(key) for key in value}) < len(value):
            raise DuplicateKeyError
        return {key: None if item is None else decode(item) for key, item in value.items()}
    # An empty object of PHP's (rcongiu/Hive-JSON-Serde, issue 112).
    if value == [] or (isinstance(value, str) and not value.strip(BLANKS)):
        return None
    raise BadValueError("Primitive can not be coerced to a MAP")


# ---- JSON: JsonReader ----


class JsonReader:
    """Reads what strict JSON does not allow: other quotes, no quotes, comments, `=` and `;`."""

    _SKIPPED = re.compile(r"(?:[\t\n\r ]++|#[^\r\n]*+|//[^\r\n]*+|/\*.*?\*/)*+", re.DOTALL)
    _WORD = re.compile(r"[^ \r\n\t\f{}\[\]/\\:,=;#]*+")
    _STRING = re.compile(r"""(["'])((?:(?!\1)[^\\]|\\.)*+)\1""", re.DOTALL)
    _ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[^u])", re.DOTALL)
    _ESCAPED = dict(zip("tbnrfav", "\t\b\n\r\f\a\t", strict=True))

    def __init__(self, line: str, names: _Names) -> None:
        self._line = line
        self._names = names
        self._at = 0

    def read(self) -> Any:
        """Read the next value.

        Raises:
            MalformedError: there is none.
        """
        match self._next():
            case "{":
                return self._object()
            case "[":
                return self._array()
            case '"' | "'":
                self._at -= 1
                return self._string()
        self._at -= 1
        return self._literal()

    def _next(self) -> str:
        """The next character that is neither a blank nor in a comment; it is behind then."""
        self._at = self._end(self._SKIPPED) + 1
        if self._at > len(self._line):
            raise MalformedError("End of input")
        return self._line[self._at - 1]

    def _end(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._line, self._at)
        return found.end() if found else self._at

    def _object(self) -> Row:
        read: dict[str, tuple[str, Any]] = {}
        if self._next() == "}":
            return Object()
        self._at -= 1
        while True:
            name = self.read()
            if not isinstance(name, str):
                raise MalformedError("Names must be strings")
            separator = self._next()
            if separator not in ":=":
                raise MalformedError(f"Expected ':' after field {name}")
            if separator == "=" and self._line[self._at : self._at + 1] == ">":
                self._at += 1
            key = self._names.same(name)
            read.pop(key, None)  # the last one counts, and has the last place
            read[key] = (str(name), self.read())
            end = self._next()
            if end == "}":
                return Object(read.values())
            if end not in ",;":
                raise MalformedError("Unterminated object")

    def _array(self) -> list[Any]:
        items: list[Any] = []
        separated = False
        while True:
            following = self._next()
            if following == "]":
                return [*items, None] if separated else items
            if following in ",;":
                items.append(None)
            else:
                self._at -= 1
                items.append(self.read())
                end = self._next()
                if end == "]":
                    return items
                if end not in ",;":
                    raise MalformedError("Unterminated array")
            separated = True

    def _string(self) -> str:
        found = self._STRING.match(self._line, self._at)
        if found is None:
            raise MalformedError("Unterminated string")
        self._at = found.end()
        if "\\" not in found[2]:
            return found[2]
        if re.search(r"\\u", self._ESCAPE.sub("", found[2])):
            raise MalformedError("Invalid escape sequence")
        text = self._ESCAPE.sub(self._unescaped, found[2])
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    def _unescaped(self, found: re.Match[str]) -> str:
        escaped = found[1]
        return (
            chr(int(escaped[1:], 16)) if len(escaped) > 1 else self._ESCAPED.get(escaped, escaped)
        )

    def _literal(self) -> Literal | None:
        start, self._at = self._at, self._end(self._WORD)
        word = self._line[start : self._at]
        if not word:
            raise MalformedError("Expected literal value")
        return None if word.lower() == "null" else Literal(word)


# ---- CSV: CsvDeserializer ----


def open_csv(columns: Mapping[str, Type], serde: Mapping[str, str]) -> ReadRow:
    """Read lines of a table whose SerDe is `OpenCSVSerde`.

    Trino has columns of text only. Athena has numbers, too, and fails a query that reads one that
    is none: docs.aws.amazon.com/athena/latest/ug/csv-serde.html

    Args:
        columns: the table's columns and their types.
        serde: the SerDe's parameters.
    """
    separator, quote = (
        serde.get(f"{of}Char", by)[:1] for of, by in (("separator", ","), ("quote", '"'))
    )
    escape = serde.get("escapeChar", "\\")[:1]
    escape = "\\" if escape == '"' else escape  # a fault of Hive's, which Trino keeps
    decoders = [(name, kind, _number(kind)) for name, kind in columns.items()]

    def read(line: str) -> Row:
        row: Row = {}
        errors = {}
        values = csv_values(line, separator, quote, escape) if line else iter(())
        for (name, kind, decode), value in zip(decoders, values, strict=False):
            row[name] = value if decode is None else decode(value)
            if row[name] is None:
                errors[name] = (
                    f"HIVE_BAD_DATA: Error parsing field value '{value}' for field {name}: "
                    f'For input string: "{value}" ({kind})'
                )
        return row | {ERRORS: errors} if errors else row

    return read


# What a number of a CSV looks like, by its type; the decoder of a double is strict enough.
_NUMBERS = {"boolean": "(?i:true|false)", **dict.fromkeys(("double", "float"), ".*")}
_NUMBERS |= dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "[+-]?[0-9]+")


def _number(kind: Type) -> Callable[[str], Any] | None:
    """How a column of a CSV is read; None for a text."""
    if isinstance(kind, str) and kind.startswith(("string", "varchar", "char")):
        return None
    if not isinstance(kind, str) or kind not in _NUMBERS:
        raise BadValueError(f"NOT_SUPPORTED: {kind} in a CSV table")
    decode, pattern = scalar(kind), re.compile(_NUMBERS[kind])
    return lambda value: decode(value) if pattern.fullmatch(value) else None


def csv_values(line: str, separator: str, quote: str, escape: str) -> Iterator[str]:
    """The values of one line; a last one that its quotes do not end is none."""
    if quote not in line and escape not in line:
        yield from line.split(separator)
        return
    value: list[str] = []
    in_quotes = in_field = False
    at, end = 0, len(line)
    while at < end:
        character, following = line[at], line[at + 1 : at + 2]
        if character == escape:
            if (in_quotes or in_field) and following in (quote, escape):
                value.append(following)
                at += 1
        elif character == quote:
            if (in_quotes or in_field) and following == quote:
                value.append(quote)
                at += 1
            else:
                inside = at > 2 and line[at - 1] != separator and following not in ("", separator)
                if inside and value and not "".join(value).strip():
                    value.clear()
                elif inside:
                    value.append(quote)
                in_quotes = not in_quotes
            in_field = not in_field
        elif character == separator and not in_quotes:
            yield "".join(value)
            value.clear()
            in_field = False
        else:
            value.append(character)
            in_field = True
        at += 1
    if not in_quotes:
        yield "".join(value)


def skipped(lines: Iterator[str], parameters: Mapping[str, str]) -> Iterator[str]:
    """The lines after the header that the table's parameters say that a file has."""
    count = parameters.get("skip.header.line.count", "0")
    return islice(lines, int(count) if count.isdecimal() else 0, None)
