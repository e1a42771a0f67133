"""Reads the lines of a CSV as Trino's `CsvDeserializer` does, which is as Hive's OpenCSVSerde."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from embedded_aws.athena.records import ERRORS, ReadRow, Row
from embedded_aws.athena.values import BITS, WHOLE, BadValueError, Type, double, in_range


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
    decoders = [(name, kind, _decoder(kind)) for name, kind in columns.items()]

    def read(line: str) -> Row:
        row: Row = {}
        errors = {}
        values = csv_values(line, separator, quote, escape) if line else iter(())
        for (name, kind, decode), value in zip(decoders, values, strict=False):
            row[name] = decode(value)
            if row[name] is None:
                errors[name] = (
                    f"HIVE_BAD_DATA: Error parsing field value '{value}' for field {name}: "
                    f'For input string: "{value}" ({kind})'
                )
        return row | {ERRORS: errors} if errors else row

    return read


_QUOTES_WITHIN = 3  # from this place on a quote within a value is a letter, too


def _boolean(value: str) -> bool | None:
    return {"true": True, "false": False}.get(value.lower())


def _whole(bits: int, value: str) -> int | None:
    return in_range(bits, int(value)) if WHOLE.fullmatch(value) else None


_READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("string", "varchar", "char"), str),
    **dict.fromkeys(("double", "float"), double),
    **{kind: partial(_whole, bits) for kind, bits in BITS.items()},
    "boolean": _boolean,
}


def _decoder(kind: Type) -> Callable[[str], Any]:
    name = kind.partition("(")[0] if isinstance(kind, str) else ""
    if name not in _READ:
        raise BadValueError(f"NOT_SUPPORTED: {kind} in a CSV table")
    return _READ[name]


def csv_values(line: str, separator: str, quote: str, escape: str) -> Iterator[str]:
    """The values of one line; a last one that its quotes do not end is none."""
    if quote not in line and escape not in line:
        yield from line.split(separator)
        return
    value = ""
    in_quotes = in_field = False
    characters = iter(range(len(line)))
    for at in characters:
        character, following = line[at], line[at + 1 : at + 2]
        special = (quote, escape) if character == escape else (quote,)
        if character in (quote, escape) and (in_quotes or in_field) and following in special:
            value += following
            next(characters)
            in_field = in_field != (character == quote)
        elif character == quote:
            if (
                at >= _QUOTES_WITHIN
                and line[at - 1] != separator
                and following not in ("", separator)
            ):
                value = value + quote if value.strip() or not value else ""
            in_quotes, in_field = not in_quotes, not in_field
        elif character == separator and not in_quotes:
            yield value
            value, in_field = "", False
        elif character != escape:
            value += character
            in_field = True
    if not in_quotes:
        yield value
