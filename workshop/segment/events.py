"""What happened in the simulated shop on the given days, as the calls that its sources made."""

import gzip
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from stacks.bucket_contents.simulated_shop import SOURCES, log_files
from workshop.errors import WorkshopError

SHOP_SOURCES = tuple(SOURCES)
EMAIL_SOURCE = "email-prod"
SAMPLE_EVENTS_A_DAY = 100_000 // 30  # as busy as the sample data
EARLIEST = date(2000, 1, 1)  # the earliest time that the job accepts
_Record = dict[str, Any]


class Call(NamedTuple):
    """One call of one source, once: the record that Segment's logs would have of it."""

    source: str
    record: _Record


@dataclass(frozen=True)
class Period:
    """About `events` events on `days` UTC days from `first` on; the same period, the same calls."""

    first: date
    days: int
    events: int

    @classmethod
    def past(cls, first: date, days: int, events: int | None) -> "Period":
        """Make a period that is over; without a number of events it is as busy as the sample data.

        Raises:
            WorkshopError: it is not over yet, or earlier than what the job accepts.
        """
        if first < EARLIEST:
            raise WorkshopError(f"--from {first} is before {EARLIEST}.", "Choose a later day")
        today = datetime.now(UTC).date()
        if days > (today - first).days:
            raise WorkshopError(
                f"--from {first} --days {days}: not all days are over yet (UTC: {today}).",
                f"Choose earlier days: --from {today - timedelta(days)} --days {days}"
                if days < (today - EARLIEST).days
                else "Choose fewer days: --days 2",
            )
        return cls(first, days, events or SAMPLE_EVENTS_A_DAY * days)

    @property
    def last(self) -> date:
        """The last day."""
        return self.first + timedelta(self.days - 1)

    def __str__(self) -> str:
        return f"{self.first} to {self.last}" if self.days > 1 else str(self.first)


def calls(period: Period, *, email: bool) -> Iterator[Call]:
    """Yield the period's calls, in constant memory; the same ones that `seed` writes for it.

    Args:
        period: the days.
        email: whether to add what an email service says about the shop's emails. It follows from
            the other calls, and changes none of them.
    """
    end = datetime.combine(period.last + timedelta(1), datetime.min.time(), UTC)
    # The logs hold what was delivered twice twice, in two files if need be. On disk: SQLite drops
    # a nameless database when it is closed.
    with sqlite3.connect("") as seen:
        seen.execute("CREATE TABLE message (id TEXT PRIMARY KEY) WITHOUT ROWID")
        for log in log_files(period.last, period.days, period.events):
            source = log.key.partition("/")[0]
            for line in gzip.decompress(log.body).splitlines():
                record = json.loads(line)
                if seen.execute(
                    "INSERT OR IGNORE INTO message VALUES (?)", [record["messageId"]]
                ).rowcount:
                    yield Call(source, record)
                    if email:
                        yield from _emails(record, end)


def _emails(record: _Record, end: datetime) -> Iterator[Call]:
    """Yield what becomes of the email that a call triggers, if it does, before the end.

    Names and properties: segment-docs, connections/spec/email.
    """
    subject = {"Signed Up": "Welcome", "Order Completed": "Your order"}.get(record.get("event", ""))
    if not subject or not record["userId"]:
        return
    dice = Random(record["messageId"])  # noqa: S311 - a simulation is not cryptography
    email = {"email_id": f"{dice.getrandbits(48):012x}", "email_subject": subject}
    link = {"link_id": "home", "link_url": "https://example.com/Home"}
    at = datetime.fromisoformat(record["timestamp"])
    for event, likely, seconds, properties in (
        ("Email Delivered", 0.98, 90, email),
        ("Email Opened", 0.5, 6 * 3600, email),
        ("Email Link Clicked", 0.4, 120, email | link),
    ):
        at += timedelta(milliseconds=dice.randrange(1000, 1000 * seconds))
        if dice.random() > likely or at >= end:
            return
        yield Call(
            EMAIL_SOURCE,
            {
                "anonymousId": None,
                "context": {},
                "event": event,
                "integrations": {"All": True},
                "messageId": f"{dice.getrandbits(128):032x}",
                "projectId": f"{Random(EMAIL_SOURCE).getrandbits(88):022x}",  # noqa: S311 - as above
                "properties": properties,
                "timestamp": at.isoformat(timespec="milliseconds"),
                "type": "track",
                "userId": record["userId"],
            },
        )
