"""A simulated shop, as the logs that Segment's S3 destination would have written about it.

A recommender can learn from it: some products are popular, and people have favourites.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from typing import Any

Record = dict[str, Any]
Shelves = dict[str, list[Record]]
HOUR = 3_600_000  # all times are epoch milliseconds
DAY = 24 * HOUR
FILE_EVENTS = 20_000
# How busy each hour (UTC) and each weekday (the epoch began on a Thursday) is.
BY_HOUR = "211111234445654456789963"
BY_WEEKDAY = "4566444"
DEPARTMENTS = ("Lamps", "Books", "Shoes", "Toys", "Plants", "Bikes", "Phones", "Teas", "Drums")
BRANDS = ("Alder", "Birch", "Cobalt", "Dove", "Ember")
TRAITS = {
    "Campaign Name": "Spring/Summer",
    "Campaign Source": "newsletter/search",
    "Experiment Group": "A/B",
    "Invited User?": "true/false",
    "Referrering Domain": "news.example/ads.example",
    "browser": "Chrome/Safari",
    "first_name": "Amy/Ben/Dev",
    "last_name": "Adams/Khan/Singh",
    "lifetime_value": "40/120/900",
    "operating_system": "Windows/Android/iOS",
}
SOURCES = {
    "website-prod": ("analytics.js", "2.1.0", "Windows", "10", "Desktop"),
    "android-prod": ("analytics-android", "4.11.3", "Android", "15", "Pixel 8"),
    "ios-prod": ("analytics-ios", "4.1.8", "iOS", "18.1", "iPhone15,4"),
}


@dataclass(frozen=True)
class LogFile:
    """Gzipped JSON lines; `key` is `<source id>/<UTC day, epoch ms at midnight>/<name>.gz`."""

    key: str
    body: bytes
    events: int

    def interactions(self) -> dict[str, list[tuple[int, str, str, str]]]:
        """Return what the job keeps: second, user, SKU and event of each product, by messageId."""
        found = {}
        for line in zlib.decompress(self.body, 31).splitlines():
            call = json.loads(line)
            name, user, data = call.get("event"), call["userId"], call.get("properties", {})
            if user and name in ("Product Clicked", "Product Added", "Order Completed"):
                second = int(datetime.fromisoformat(call["timestamp"]).timestamp())
                products = data.get("products", [data])
                found[call["messageId"]] = [(second, user, one["sku"], name) for one in products]
        return found


def log_files(end: date, days: int = 30, events: int = 100_000) -> Iterator[LogFile]:
    """Simulate the shop, in constant memory; the same arguments give the same files.

    Args:
        end: the last UTC day; nothing is received after it.
        days: how many, at least 1.
        events: how many records, within 2 % or a visit; users and, slowly, products grow with it.
    """
    dice = _Dice(f"{end} {days} {events}")
    shelves = {name: _shelf(name, 5 * round(4.4 * events**0.2)) for name in DEPARTMENTS}
    users = events // 20 + 1
    stop = ((end - date(1970, 1, 1)).days + 1) * DAY
    hours = [  # a busy one many times
        at
        for at in range(stop - days * DAY, stop, HOUR)
        for _ in range(int(BY_WEEKDAY[at // DAY % 7]) * int(BY_HOUR[at // HOUR % 24]))
    ]
    files: dict[tuple[str, int], list[str]] = {}
    made = 0
    while made < events:
        hour = hours[made * len(hours) // events]
        who = "user" if dice.below(4) else "visitor"
        person = f"{who}-{dice.below(1 + dice.below(users)):06}"  # the low numbers come often
        if not dice.below(25):  # signs up
            who, person, users = "newcomer", f"user-{users:06}", users + 1
        for source, received, line in _visit(dice, hour + dice.below(HOUR), shelves, who, person):
            made += 1
            if received < stop:  # else still on its way
                files.setdefault((source, received - received % DAY), []).append(line)
        for place in list(files):
            if len(files[place]) >= FILE_EVENTS or place[1] + DAY <= hour:
                yield log_file(*place, files.pop(place))
    for place, lines in files.items():
        yield log_file(*place, lines)


def log_file(source: str, day: int, lines: list[str]) -> LogFile:
    """Make the file of a source's calls that Segment received on a day."""
    text = "\n".join([*lines, ""]).encode()
    key = f"{source}/{day}/{day + DAY}.{zlib.crc32(text):08x}.gz"
    return LogFile(key, zlib.compress(text, wbits=31), len(lines))  # 31: gzip, no date


class _Dice(Random):
    def below(self, limit: int) -> int:
        """Roll 0 to limit - 1; as a condition, false once in `limit` times."""
        return int(limit * self.random())

    def hex(self, digits: int) -> str:
        return f"{self.getrandbits(4 * digits):0{digits}x}"


def _shelf(department: str, size: int) -> list[Record]:
    dice = _Dice(department)
    return [
        {
            "product_id": dice.hex(24),
            "sku": f"SKU-{10 * rank + DEPARTMENTS.index(department):06}",
            "category": department,
            "name": f"{BRANDS[rank % 5]} {department[:-1]} {rank + 1}",
            "brand": BRANDS[rank % 5],
            "price": 2.5 + dice.below(dice.below(200)),
        }
        for rank in range(size)
    ]


def _visit(
    dice: _Dice, at: int, shelves: Shelves, who: str, person: str
) -> Iterator[tuple[str, int, str]]:
    """Yield source, receivedAt and JSON line of each delivery of a visit's calls."""
    own = _Dice(person)
    source = own.choice(list(SOURCES))
    if not dice.below(5):
        source = "website-prod"
    web = source == "website-prod"
    device = _Dice(person + source)
    library, release, system, version, model = SOURCES[source]
    context: Record = {
        "device": {"model": model},
        "ip": f"203.0.113.{device.below(256)}",
        "library": {"name": library, "version": release},
        "os": {"name": system, "version": version},
        "userAgent": f"Mozilla/5.0 ({system} {version}) {model}",
    }
    record = {
        "anonymousId": device.hex(32),
        "channel": "browser" if web else "mobile",
        "context": context,
        "integrations": {"All": True},
        "projectId": _Dice(source).hex(22),
        "userId": person if who == "user" else None,
        "version": 2,
    }
    # Some phones' clocks are wrong; some apps send much later.
    skew = 0 if web or device.below(10) else device.below(HOUR)
    held = 0 if web or dice.below(50) else 20 * HOUR
    latency = 20 + dice.below(300)
    for name, data in _calls(dice, own, shelves, who):
        at += 100 + dice.below(dice.below(30_000))
        call: Record = {"type": "track", "event": name, "properties": data}
        if name == "identify":
            record["userId"] = person
            call = {"type": name, "traits": data}
        elif not data:
            page = {"path": f"/{name}", "title": name, "url": f"https://example.com/{name}"}
            call = {"type": "page" if web else "screen", "name": name, "properties": page}
            context |= {"page": page} if web else {}
        call["messageId"] = dice.hex(32)
        # A browser sends at once, an app every 30 s; a few messages come twice.
        sent = at + 20 if web else at + held + 30_000 - at % 30_000
        for copy in range(1 if dice.below(200) else 2):
            sent += copy * (1000 + dice.below(dice.below(DAY)))
            call["originalTimestamp"], call["sentAt"] = _iso(at + skew), _iso(sent + skew)
            call["timestamp"], call["receivedAt"] = _iso(at + latency), _iso(sent + latency)
            yield source, sent + latency, json.dumps(record | call)


def _calls(dice: _Dice, own: _Dice, shelves: Shelves, who: str) -> Iterator[tuple[str, Record]]:
    """Yield a visit's pages (a name and nothing) and events (a name and its data)."""
    tastes = own.choices(DEPARTMENTS, range(9, 0, -1), k=2)
    brand = own.below(5)
    yield "Home", {}
    if who == "newcomer" or (who == "user" and not dice.below(3)):
        traits = {key: own.choice(values.split("/")) for key, values in TRAITS.items()}
        traits["Favorite Departments"] = ", ".join(sorted({*tastes}))
        traits["email"] = f"{own.hex(8)}@example.com"
        yield "identify", traits | {"likelihood_to_buy": own.below(100) / 100}
    if who == "newcomer":
        yield "Signed Up", {"page_name": "Home"}
    cart: dict[str, Record] = {}
    for _ in range(dice.below(4)):
        department = dice.choice(tastes if dice.below(5) else DEPARTMENTS)
        shelf = shelves[department]
        yield department, {}
        if not dice.below(3):
            yield "Products Searched", {"query": department}
        yield "Product List Viewed", {"category": department}
        for _ in range(dice.below(5)):
            rank = int(len(shelf) ** dice.random()) - 1  # Zipf's law
            product = shelf[rank + dice.below(2) * (brand - rank % 5)]
            yield "Product Clicked", product | {"position": rank + 1}
            yield product["sku"], {}
            if not dice.below(3):
                cart[product["sku"]] = line = product | {"quantity": 1 + dice.below(2)}
                yield "Product Added", line
    lines = list(cart.values())
    products = {"products": lines}
    # One product as in the workshop's own data, several as in e-commerce v2.
    order = products if len(lines) > 1 else dict(*lines)
    revenue = sum(line["price"] * line["quantity"] for line in lines)
    order = order | {"order_id": dice.hex(12), "currency": "GBP", "revenue": revenue}
    steps = ("Cart Viewed", products), ("Checkout Started", products), ("Order Completed", order)
    yield from steps[: dice.below(5) if cart else 0]


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:23] + "Z"
