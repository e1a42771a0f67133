"""Reads the job's CSV, and gathers what the rules of Amazon Personalize are held against."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

HEADER = ["USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP"]
# The optional column EVENT_VALUE is the last one.
HEADERS = (",".join(HEADER), ",".join([*HEADER, "EVENT_VALUE"]))
MAX_ID_LENGTH = 256
MIN_INTERACTIONS = 1000
# 2000-01-01 and 2100-01-01 in seconds: a time in milliseconds is far beyond the second one.
_FIRST_SECOND, _LAST_SECOND = 946_684_800, 4_102_444_800
EXAMPLES = 3
SHOWN = 80  # characters of a value in a complaint
_LONGEST_LINE = 2**20
_LONGEST_RECORD = 10  # lines
_LONGEST_NUMBER = 20  # digits
# What programs write where they have no identifier: all of these users would be one.
_NOBODY = re.compile(
    r"undefined|null|none|nan|\[object \w+\]|[\s\u200b-\u200d\u2060\ufeff]+", re.IGNORECASE
)
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")  # bytes that are not, as Python keeps them in a text


@dataclass
class Interactions:
    """What one pass over the CSV files gathers; memory grows with the users and items only.

    Attributes:
        rows: how many records.
        unique: records that differ, until they are enough; equal ones are one interaction.
        nobody: records with an identifier that means nobody, and examples of it.
        unread: whether a file could not be read to its end.
        users: records by user.
        items: records by item.
        event_types: records by event type.
        first, last: the earliest and latest time, in epoch seconds.
        problems: by rule, the places (`file, line`) that break it; the first few of each.
        broken: how many places break each rule.
        header: the first file's; the others must have the same.
    """

    rows: int = 0
    unique: set[tuple[str, ...]] = field(default_factory=set)
    nobody: Counter[str] = field(default_factory=Counter)
    unread: bool = False
    users: Counter[str] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)
    event_types: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None
    problems: dict[str, list[str]] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    header: str = ""

    def complain(self, rule: str, place: str) -> None:
        """Count a place that breaks a rule."""
        self.broken[rule] += 1
        if self.broken[rule] <= EXAMPLES:
            self.problems.setdefault(rule, []).append(place)

    def read(self, name: str, chunks: Iterable[bytes]) -> None:
        """Read one CSV file.

        Args:
            name: what to call it in a complaint.
            chunks: its bytes, in pieces of any size.
        """
        lines = _lines(chunks)
        number = first = 0  # the last line that was read, and the last one before its record

        def fed() -> Iterator[str]:
            nonlocal number
            for line in lines:
                number += 1
                if number - first > _LONGEST_RECORD:
                    raise csv.Error(f"a record of more than {_LONGEST_RECORD} lines")
                if _NOT_UTF_8.search(line):
                    self.complain("UTF-8", f"{name}, line {number}")
                yield _NOT_UTF_8.sub("\ufffd", line)

        try:
            header = next(lines, "").rstrip("\r\n")
            self.header = self.header or header
            if header not in HEADERS:
                self.complain("Header", f"{name} begins with {header[:SHOWN]!r}")
            elif header != self.header:
                self.complain("Header", f"{name} has other columns than the first file")
            columns = len(HEADER) + (header == HEADERS[1])
            number = first = 1
            for row in csv.reader(fed(), strict=True):
                self._record(row, columns, f"{name}, line {number}")
                first = number
        except _LongLineError:
            self.unread = True
            more = f"{name}, line {number + 1} has more than {_LONGEST_LINE:,} characters"
            self.complain("One record a line", more)
        except csv.Error as error:
            self.unread = True
            self.complain("One record a line", f"{name}, line {number}: {error}")

    def _record(self, row: list[str], columns: int, place: str) -> None:
        if len(row) != columns:
            self.complain("Columns", f"{place} has {len(row)} values")
            return
        if any("\n" in value or "\r" in value for value in row):
            self.complain("One record a line", place)
            return
        user, item, event_type, timestamp, *event_value = row
        if any(event_value) and not _NUMBER.fullmatch(event_value[0]):
            self.complain("Types", f"{place}: EVENT_VALUE {event_value[0][:40]!r} is not a number")
        for column, value in (("USER_ID", user), ("ITEM_ID", item)):
            if not 1 <= len(value) <= MAX_ID_LENGTH:
                self.complain("Lengths", f"{place}: {column} has {len(value)} characters")
            elif _NOBODY.fullmatch(value):
                self.nobody[value] += 1
        if not event_type:
            self.complain("Event types", f"{place}: EVENT_TYPE is empty")
        self._count(user, item, event_type, timestamp[:_LONGEST_NUMBER])
        self._time(timestamp, place)

    def _count(self, user: str, item: str, event_type: str, timestamp: str) -> None:
        self.rows += 1
        if len(self.unique) < MIN_INTERACTIONS:
            self.unique.add((user, item, event_type, timestamp))
        for counter, value in (
            (self.users, user),
            (self.items, item),
            *([(self.event_types, event_type)] if event_type else []),
        ):
            counter[value[: MAX_ID_LENGTH + 1]] += 1  # what is longer is refused in any case

    def _time(self, timestamp: str, place: str) -> None:
        if not (timestamp.isascii() and timestamp.isdigit()):
            self.complain("Types", f"{place}: TIMESTAMP {timestamp[:40]!r} is not a whole number")
            return
        if len(timestamp) > _LONGEST_NUMBER:  # Python reads 4,300 digits at most
            self.complain("Seconds", f"{place}: a number of {len(timestamp):,} digits")
            return
        second = int(timestamp)
        if not _FIRST_SECOND <= second < _LAST_SECOND:
            self.complain("Seconds", f"{place}: {second}")
            return
        self.first = second if self.first is None else min(self.first, second)
        self.last = second if self.last is None else max(self.last, second)


class _LongLineError(ValueError):
    """A line does not end."""


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Decode and split into lines, endings kept; what is not UTF-8 becomes lone surrogates.

    Raises:
        _LongLineError: a line is too long to be a record.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in whole:
            if len(line) > _LONGEST_LINE:
                raise _LongLineError
            yield line + "\n"
        if len(rest) > _LONGEST_LINE:
            raise _LongLineError
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest
