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


_ESCAPED = dict(zip("tbnrfav", "\t\b\n\r\f\a\t", strict=True))


class JsonReader:
    """Reads what strict JSON does not allow: other quotes, no quotes, comments, `=` and `;`."""

    _SKIPPED = re.compile(r"(?:[\t\n\r ]++|#[^\r\n]*+|//[^\r\n]*+|/\*.*?\*/)*+", re.DOTALL)
    _WORD = re.compile(r"[^ \r\n\t\f{}\[\]/\\:,=;#]*+")
    _STRING = re.compile(r"""(["'])((?:(?!\1)[^\\]|\\.)*+)\1""", re.DOTALL)
    _ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[^u])", re.DOTALL)

    def __init__(self, line: str, names: Names) -> None:
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

    def _object(self) -> Object:
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
        return chr(int(escaped[1:], 16)) if len(escaped) > 1 else _ESCAPED.get(escaped, escaped)

    def _literal(self) -> Literal | None:
        start, self._at = self._at, self._end(self._WORD)
        word = self._line[start : self._at]
        if not word:
            raise MalformedError("Expected literal value")
        return None if word.lower() == "null" else Literal(word)
