"""Reads JSON as leniently as Trino's OpenX reader does (`JsonReader`, `FieldName`)."""

import re
from collections.abc import Mapping
from typing import Any

from embedded_aws.athena.values import Literal, Object


class MalformedError(ValueError):
    """A line that is no JSON, however leniently it is read."""


class Names:
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


class JsonReader:
    """Reads what strict JSON does not allow: other quotes, no quotes, comments, `=` and `;`."""

    _SYMBOL = re.compile(
        r"""(?: [\t\n\r ]++ | \#[^\r\n]*+ | //[^\r\n]*+ | /\*.*?\*/ )*+
        (
            (["']) (?: (?!\2)[^\\] | \\(?:u[0-9a-fA-F]{4}|[^u]) )*+ \2
            | [^ \r\n\t\f{}\[\]/\\:,=;\#"'] [^ \r\n\t\f{}\[\]/\\:,=;\#]*+
            | => | [{}\[\]:,=;]
        )""",
        re.DOTALL | re.VERBOSE,
    )

    def __init__(self, line: str, names: Names) -> None:
        self._line = line
        self._names = names
        self._at = 0

    def read(self) -> Any:
        """Read the next value.

        Raises:
            MalformedError: there is none.
        """
        return self._value(self._next())

    def _next(self) -> str:
        """The next text with its quotes, word or mark, behind blanks and comments."""
        found = self._SYMBOL.match(self._line, self._at)
        if found is None:
            raise MalformedError("End of input, or a text or comment without an end")
        self._at = found.end()
        return found[1]

    def _value(self, symbol: str) -> Any:
        match symbol[0]:
            case "{":
                return self._object()
            case "[":
                return self._array()
            case '"' | "'":
                return _unescaped(symbol[1:-1])
            case "}" | "]" | ":" | "," | "=" | ";":
                raise MalformedError("Expected literal value")
        return None if symbol.lower() == "null" else Literal(symbol)

    def _object(self) -> Object:
        read: dict[str, tuple[str, Any]] = {}
        symbol = self._next()
        if symbol == "}":
            return Object()
        while True:
            name = self._value(symbol)
            if not isinstance(name, str):
                raise MalformedError("Names must be strings")
            if self._next() not in (":", "=", "=>"):
                raise MalformedError(f"Expected ':' after field {name}")
            key = self._names.same(name)
            read.pop(key, None)  # the last one counts, and has the last place
            read[key] = (str(name), self.read())
            end = self._next()
            if end == "}":
                return Object(read.values())
            if end not in (",", ";"):
                raise MalformedError("Unterminated object")
            symbol = self._next()

    def _array(self) -> list[Any]:
        items: list[Any] = []
        symbol = self._next()
        if symbol == "]":
            return items
        while True:
            if symbol in (",", ";", "]"):
                items.append(None)  # an omitted item
            else:
                items.append(self._value(symbol))
                symbol = self._next()
            if symbol == "]":
                return items
            if symbol not in (",", ";"):
                raise MalformedError("Unterminated array")
            symbol = self._next()


_ESCAPED = dict(zip("tbnrfav", "\t\b\n\r\f\a\t", strict=True))


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text

    def character(found: re.Match[str]) -> str:
        escaped = found[1]
        return chr(int(escaped[1:], 16)) if len(escaped) > 1 else _ESCAPED.get(escaped, escaped)

    text = re.sub(r"\\(u.{4}|.)", character, text, flags=re.DOTALL)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
