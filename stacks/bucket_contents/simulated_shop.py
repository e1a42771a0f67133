"""A simulated shop, as the logs that Segment's S3 destination would have written about it.

What people do can be learned: some products are popular, a person returns to a department or two
and to a brand, and visits lead from lists to orders. Small: it travels inside a template.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from typing import Any

Record = dict[str, Any]
HOUR = 3_600_000  # times are epoch milliseconds, as in Segment's object keys
DAY = 24 * HOUR
# How busy the hours of a day (UTC) and the days of a week are, from Thursday as the epoch is.
BY_HOUR = (3, 2, 1, 1, 1, 2, 4, 7, 9, 9, 9, 10, 12, 11, 9, 9, 10, 12, 15, 19, 22, 20, 13, 7)
BY_WEEKDAY = (10, 11, 15, 16, 9, 9, 9)
DEPARTMENTS = ("Home", "Garden", "Books", "Sport", "Beauty", "Style", "Tech", "Toys", "Pets", "Art")
BRANDS = ("Alder", "Birch", "Cobalt", "Dove", "Ember")
TRAITS = {
    "Campaign Name": ("Spring Sale", "New Arrivals"),
    "Campaign Source": ("newsletter", "search"),
    "Experiment Group": ("A", "B"),
    "Invited User?": ("true", "false"),
    "Referrering Domain": ("news.example", "search.example"),
    "browser": ("Chrome", "Safari"),
    "first_name": ("Amelia", "Ben", "Chloe", "Dev"),
    "last_name": ("Adams", "Khan", "Murphy", "Singh"),
    "lifetime_value": ("40", "250", "900"),
    "likelihood_to_buy": (0.1, 0.4, 0.8),
    "operating_system": ("Windows", "Android", "iOS"),
}
# The library and its version, the system and its version, the device.
SOURCES = {
    "website-prod": ("analytics.js", "next-1.81.0", "Windows", "10", "Chrome"),
    "android-prod": ("analytics-android", "4.11.3", "Android", "15", "Pixel 8"),
    "ios-prod": ("analytics-ios", "4.1.8", "iOS", "18.1", "iPhone15,4"),
}
encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True)
class LogFile:
    """An object below `segment-logs/`: gzip, one JSON event a line, at most 20,000.

    Its key is `<source id>/<UTC day of receipt, epoch ms at midnight>/<name>.gz`.
    """

    key: str
    body: bytes
    events: int


def log_files(end: date, days: int = 30, events: int = 100_000) -> Iterator[LogFile]:
    """Simulate the shop, in constant memory; the same arguments give the same files.

    Args:
        end: the last UTC day; nothing is received after it.
        days: how many days, at least 1.
        events: how many records, duplicates included; met within 2 %. Users grow in number with
            it and, slowly, products.
    """
    dice = _Dice(f"{end} {days} {events}")
    shelves = [_shelf(department, round(20 * events**0.2)) for department in DEPARTMENTS]
    users = events // 33 + 1
    stop = ((end - date(1970, 1, 1)).days + 1) * DAY
    hours = range(stop - days * DAY, stop, HOUR)
    weights = [BY_WEEKDAY[hour // DAY % 7] * BY_HOUR[hour // HOUR % 24] for hour in hours]
    files: dict[tuple[str, int], list[str]] = {}
    made, due = 0, 0.0
    for hour, weight in zip(hours, weights, strict=True):
        share = events * weight / sum(weights)
        due += share
        while made < due:
            start = hour + int(HOUR * (1 - (due - made) / share))
            user = dice.below(1 + dice.below(users))  # the low numbers come often
            who = "user" if dice.chance(0.75) else "visitor"
            if dice.chance(0.04):  # a visitor who signs up, and is a user from now on
                who, user, users = "newcomer", users, users + 1
            for source, received, line in _visit(dice, start, shelves, who, user):
                made += 1
                if received < stop:  # else it is on its way when the logs end
                    place = source, received - received % DAY
                    files.setdefault(place, []).append(line)
                    if len(files[place]) == 20_000:
                        yield _log_file(*place, received, files.pop(place))
        for place in [place for place in files if place[1] + DAY == hour + HOUR]:
            yield _log_file(*place, hour + HOUR, files.pop(place))


def _log_file(source: str, day: int, written: int, lines: list[str]) -> LogFile:
    text = "".join(lines).encode()
    key = f"{source}/{day}/{written}.{zlib.crc32(text):08x}.gz"
    return LogFile(key, zlib.compress(text, wbits=31), len(lines))  # 31: gzip, without a time


class _Dice(Random):
    """Chance that is the same on every Python: from `random()` and `getrandbits()` only."""

    def chance(self, share: float) -> bool:
        return self.random() < share

    def below(self, limit: int) -> int:
        return int(limit * self.random())

    def pick(self, options: Sequence[Any]) -> Any:  # noqa: ANN401
        return options[self.below(len(options))]

    def hex(self, digits: int) -> str:
        return f"{self.getrandbits(4 * digits):0{digits}x}"


def _shelf(department: str, size: int) -> list[Record]:
    """Make the products of a department, the most popular first."""
    dice = _Dice(department)
    return [
        {
            "product_id": dice.hex(24),
            "sku": f"SKU-{10 * rank + DEPARTMENTS.index(department):06}",
            "category": department,
            "name": f"{dice.pick(('Classic', 'Compact', 'Nordic'))} {department} {rank}",
            "brand": BRANDS[rank % 5],
            "price": (300 + dice.below(dice.below(20_000))) / 100,
        }
        for rank in range(size)
    ]


def _visit(
    dice: _Dice, start: int, shelves: list[list[Record]], who: str, number: int
) -> Iterator[tuple[str, int, str]]:
    """Yield source, receivedAt and JSON line of each delivery of what a visit sends."""
    person = f"{'visitor' if who == 'visitor' else 'user'}-{number:06}"
    own = _Dice(person)
    favourite = own.pick(list(SOURCES))
    source = favourite if dice.chance(0.8) else "website-prod"
    web = source == "website-prod"
    device = _Dice(person + source)
    library, library_version, system, version, model = SOURCES[source]
    context: Record = {
        "ip": f"203.0.113.{device.below(256)}",
        "library": {"name": library, "version": library_version},
        "os": {"name": system, "version": version},
        "userAgent": f"Mozilla/5.0 ({system} {version}) {model}",
    }
    envelope: Record = {
        "anonymousId": device.hex(32),
        "channel": "browser" if web else "mobile",
        "context": context,
        "integrations": {"All": True},
        "projectId": _Dice(source).hex(22),
        "version": 2,
    }
    if not web:
        context["device"] = {"id": device.hex(16), "model": model}
    if who == "user" or web:
        envelope["userId"] = person if who == "user" else None
    # Some phones' clocks are wrong; some apps send what they have only on the next day.
    skew = 0 if web or device.chance(0.9) else device.below(HOUR)
    held = 0 if web or dice.chance(0.98) else DAY - dice.below(6 * HOUR)
    latency = 20 + dice.below(300)
    at = start
    for name, data in _calls(dice, own, shelves, who):
        at += 100 + dice.below(dice.below(dice.below(60_000)))
        call: Record = {"type": "track", "event": name, "properties": data}
        if name == "identify":
            call = {"type": name, "traits": data}
            envelope["userId"] = person
        elif not data:
            page = {"path": f"/{name}", "title": name, "url": f"https://shop.example.com/{name}"}
            call = {"type": "page" if web else "screen", "name": name, "properties": page}
            if web:
                context["page"] = page
        call["messageId"] = dice.hex(32)
        # A browser sends at once, an app every 30 seconds; a few messages come twice.
        sent = at + 20 if web else at + held + 30_000 - at % 30_000
        for copy in range(2 if dice.chance(0.005) else 1):
            sent += copy * (1000 + dice.below(dice.below(DAY)))
            call["originalTimestamp"], call["sentAt"] = _iso(at + skew), _iso(sent + skew)
            call["timestamp"], call["receivedAt"] = _iso(at + latency), _iso(sent + latency)
            yield source, sent + latency, f"{encode(envelope)[:-1]},{encode(call)[1:]}\n"


def _calls(
    dice: _Dice, own: _Dice, shelves: list[list[Record]], who: str
) -> Iterator[tuple[str, Record]]:
    """Yield a page's name, or an event's name and its data, in the order of a visit."""
    tastes, brand = [own.below(1 + own.below(10)) for _ in range(2)], own.below(5)
    yield "Home", {}
    if who == "newcomer" or (who == "user" and dice.chance(0.3)):
        traits = {key: own.pick(values) for key, values in TRAITS.items()}
        traits["Favorite Departments"] = ", ".join(DEPARTMENTS[taste] for taste in tastes)
        traits["email"] = f"{own.hex(8)}@example.com"
        yield "identify", traits
    if who == "newcomer":
        yield "Signed Up", {"browser": "Chrome"}
    cart: dict[str, Record] = {}
    for _ in range(dice.below(4)):
        shelf = shelves[dice.pick(tastes) if dice.chance(0.8) else dice.below(10)]
        category = shelf[0]["category"]
        yield category, {}
        if dice.chance(0.3):
            yield "Products Searched", {"query": category}
        else:
            yield "Product List Viewed", {"list_id": category, "category": category}
        for _ in range(dice.below(5)):
            rank = int((len(shelf) + 1) ** dice.random()) - 1  # Zipf's law
            if dice.chance(0.5):
                rank = (rank - rank % 5 + brand) % len(shelf)
            product = shelf[rank]
            yield "Product Clicked", product | {"position": rank + 1}
            yield product["name"], {}
            if dice.chance(0.3):
                cart[product["sku"]] = line = product | {"quantity": 1 + dice.below(2)}
                yield "Product Added", line
    lines = list(cart.values())
    revenue = round(sum(line["price"] * line["quantity"] for line in lines), 2)
    order = {"order_id": dice.hex(12), "currency": "GBP", "revenue": revenue}
    if lines and dice.chance(0.7):
        yield "Cart Viewed", {"products": lines}
        if dice.chance(0.8):
            yield "Checkout Started", order | {"products": lines}
            if dice.chance(0.8):
                # One product as in the workshop's own test data, several as in e-commerce v2.
                yield (
                    "Order Completed",
                    order | (lines[0] if len(lines) == 1 else {"products": lines}),
                )


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:23] + "Z"
