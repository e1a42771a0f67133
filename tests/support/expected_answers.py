"""The answers of the saved queries, computed in plain Python from the logs and the CSV.

Rows are texts, as Athena shows them; a NULL is None.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

Row = list[str | None]
HALF_AN_HOUR = 1800  # seconds
CLICKED, ADDED, ORDERED = "Product Clicked", "Product Added", "Order Completed"
TRAITS = (
    "Campaign Name",
    "Campaign Source",
    "Experiment Group",
    "Favorite Departments",
    "Invited User?",
    "Referrering Domain",
)


class Record(NamedTuple):
    """A line of the raw logs, and the source and the UTC day that its file's key has."""

    source: str
    day: str
    event: dict[str, Any]

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.event["timestamp"])

    @property
    def sku(self) -> str | None:
        """The SKU of the event itself, not of its list of products."""
        found: str | None = self.event.get("properties", {}).get("sku")
        return found


class Interaction(NamedTuple):
    """A row of the CSV; the time in seconds since 1970."""

    user: str
    item: str
    event: str
    second: int

    @classmethod
    def of(cls, row: Iterable[str]) -> "Interaction":
        user, item, event, second = row
        return cls(user, item, event, int(second))


@dataclass(frozen=True)
class Data:
    """What the exercise has: the raw logs, and the CSV that the job wrote."""

    records: list[Record]
    interactions: list[Interaction]


def rows(counted: Iterable[tuple[object, ...]]) -> list[Row]:
    return [[None if value is None else str(value) for value in row] for row in counted]


def by_number(counts: Counter[Any]) -> list[Row]:
    """A name and its count, most first; equal counts in any order, here by name."""
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], str(entry[0])))
    return rows(ordered)


def event_types(data: Data) -> list[Row]:
    return by_number(Counter(record.event.get("event") for record in data.records))


def events_with_a_product(data: Data) -> list[Row]:
    return by_number(Counter(r.event.get("event") for r in data.records if r.sku is not None))


def events_a_day_by_source(data: Data) -> list[Row]:
    messages = defaultdict(set)
    for record in data.records:
        messages[record.day, record.source].add(record.event["messageId"])
    return rows((source, day, len(ids)) for (day, source), ids in sorted(messages.items()))


def events_an_hour(data: Data) -> list[Row]:
    hours = Counter(record.moment.astimezone(UTC).hour for record in data.records)
    return rows(sorted(hours.items()))


def funnel(data: Data) -> list[Row]:
    done: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in data.records:
        done[record.source][record.event["anonymousId"]].add(record.event.get("event", ""))
    steps = [{CLICKED}, {CLICKED, ADDED}, {CLICKED, ADDED, ORDERED}]
    return rows(
        (source, *(sum(step <= events for events in devices.values()) for step in steps))
        for source, devices in sorted(done.items())
    )


def top_products(data: Data) -> list[Row]:
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for record in data.records:
        if record.sku is not None:
            counts[record.sku, record.event["properties"].get("name")][record.event["event"]] += 1
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1][CLICKED], entry[0][0]))
    return rows((*product, of[CLICKED], of[ADDED]) for product, of in ordered[:20])


def sessions(data: Data) -> list[Row]:
    moments = defaultdict(list)
    for record in data.records:
        moments[record.event["anonymousId"]].append(record.moment.timestamp())
    begun = 0
    for of in moments.values():
        of.sort()
        pauses = (after - before for before, after in pairwise(of))
        begun += 1 + sum(pause > HALF_AN_HOUR for pause in pauses)
    return rows([(len(moments), begun, len(data.records))])


def visitors_and_duplicates(data: Data) -> list[Row]:
    found = defaultdict(list)
    for record in data.records:
        found[record.source].append(record.event)
    return rows(
        (
            source,
            len(events),
            len(events) - len({event["messageId"] for event in events}),
            100 * sum(event.get("userId") is None for event in events) // len(events),
        )
        for source, events in sorted(found.items())
    )


def traits(data: Data) -> list[Row]:
    people = {
        (r.event["userId"], *(r.event["traits"].get(name) for name in TRAITS))
        for r in data.records
        if r.event["type"] == "identify"
    }
    return rows(sorted(people)[:20])


def interactions_by_type(data: Data) -> list[Row]:
    users = defaultdict(set)
    for one in data.interactions:
        users[one.event].add(one.user)
    counts = Counter(one.event for one in data.interactions).most_common()
    return rows((event, count, len(users[event])) for event, count in counts)


def interactions_by_day(data: Data) -> list[Row]:
    days = Counter(datetime.fromtimestamp(one.second, UTC).date() for one in data.interactions)
    return rows(sorted(days.items()))


def top_items(data: Data) -> list[Row]:
    users, orders = defaultdict(set), Counter[str]()
    for one in data.interactions:
        users[one.item].add(one.user)
        orders[one.item] += one.event == ORDERED
    counts = Counter(one.item for one in data.interactions)
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return rows((item, n, len(users[item]), orders[item]) for item, n in ordered[:20])


def enough_to_train(data: Data) -> list[Row]:
    users = Counter(one.user for one in data.interactions)
    seconds = [one.second for one in data.interactions]
    first, last = (
        f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}.000 UTC"
        for second in (min(seconds), max(seconds))
    )
    enough = sum(count >= 2 for count in users.values())
    return rows([(users.total(), len(users), enough, first, last)])


# By the number of the saved query; the two samples (01, 13) are any twenty rows.
EXPECTED: dict[str, Callable[[Data], list[Row]]] = {
    "02": event_types,
    "03": events_with_a_product,
    "06": events_a_day_by_source,
    "07": events_an_hour,
    "08": funnel,
    "09": top_products,
    "10": sessions,
    "11": visitors_and_duplicates,
    "12": traits,
    "14": interactions_by_type,
    "15": interactions_by_day,
    "16": top_items,
    "17": enough_to_train,
}
