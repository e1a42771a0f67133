"""The job's record counts, as its script prints them in its log."""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stacks.counts import COUNTS, OTHER_EVENTS

# The line on which the script prints its record counts as JSON.
PREFIX = "ACCOUNTING "
LOG_LINES_SHOWN = 15
# Participants edit the script, so its accounting may be anything. These are the limits.
_MOST_RECORDS, _MOST_REASONS, _LONGEST_REASON = 10**15, 50, 100
_BY_REASON = ("filtered", "rejected", OTHER_EVENTS)
_WORDS = "|".join((*COUNTS, OTHER_EVENTS, PREFIX.strip()))
_METRIC = re.compile(rf"({_WORDS}) |run-\d+ (started|finished)")


@dataclass(frozen=True)
class Accounting:
    """How many records the job read, and what it did with them.

    Attributes:
        records_read, kept, duplicates: numbers of records.
        filtered, rejected: numbers of records by reason.
        rows_written: rows of the CSV; an order of several products is several rows.
        other_events: the most frequent names of filtered events, with their numbers.
    """

    records_read: int
    kept: int
    duplicates: int
    filtered: dict[str, int]
    rejected: dict[str, int]
    rows_written: int
    other_events: dict[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Accounting":
        """Read an accounting as the script prints it.

        Raises:
            ValueError: it is something else.
            RecursionError: it is nested deeper than Python reads.
        """
        try:
            value = json.loads(text)
        except ValueError as error:  # among them numbers of more than 4,300 digits
            raise ValueError(f"not JSON ({str(error)[:80]})") from error
        # The script of an earlier deployment has no names of other events.
        if not isinstance(value, dict) or value.keys() | {OTHER_EVENTS} != {*COUNTS, OTHER_EVENTS}:
            raise ValueError(f"not an object with {', '.join(COUNTS)}")
        for name, count in value.items():
            counts = count if name in _BY_REASON else {"": count}
            if not (isinstance(counts, dict) and len(counts) <= _MOST_REASONS):
                raise ValueError(f"{name} is not an object of at most {_MOST_REASONS} counts")
            for reason, number in counts.items():
                # A bool is an int to Python.
                if type(number) is not int or not 0 <= number <= _MOST_RECORDS:
                    shown = f"{name} {reason[:_LONGEST_REASON]!r}"
                    raise ValueError(f"{shown} is not a number of records")
                if len(reason) > _LONGEST_REASON:
                    raise ValueError(f"{name} has a reason of {len(reason):,} characters")
        return cls(**value)

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Yield each count's name, its reason (or an empty text) and its number of records."""
        for name in COUNTS:
            value = getattr(self, name)
            for reason, number in (value if isinstance(value, dict) else {"": value}).items():
                yield name.replace("_", " "), reason, number


@dataclass
class Log:
    """What is kept of a log, however long it is.

    Attributes:
        tail: its last lines.
        accounting: the first accounting in it that can be read, if there is one.
        complaint: what is wrong with the one that cannot; empty if there is none.
    """

    tail: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES_SHOWN))
    accounting: Accounting | None = None
    complaint: str = ""

    def add(self, lines: Iterable[str]) -> "Log":
        """Read the lines that come next; return the log itself."""
        for line in lines:
            self.tail.append(line)
            if line.startswith(PREFIX) and not self.accounting:
                try:
                    self.accounting = Accounting.parse(line.removeprefix(PREFIX))
                    self.complaint = ""
                except (ValueError, RecursionError) as error:
                    self.complaint = f"The accounting of the job cannot be read: {error}"
        return self


def is_count(line: str) -> bool:
    """Whether a line of the log is a metric: the table of the record counts shows it anyway."""
    return bool(_METRIC.match(line))


def cause_of(error: str) -> str:
    """The error of a run in a line, without the record counts that the script adds."""
    lines = (line.strip() for line in error.splitlines())
    counts = (*COUNTS, OTHER_EVENTS)
    return " ".join(line for line in lines if line.partition(" ")[0] not in counts)
