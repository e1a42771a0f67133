"""The sample data: what participants explore, the job transforms and a recommender learns from."""

import gzip
import json
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from stacks.bucket_contents import simulated_shop
from stacks.bucket_contents.simulated_shop import LogFile, log_files
from stacks.catalog import SEGMENT_LOG_COLUMNS, TRAIT_MAPPINGS, GlueType

END = date(2026, 3, 1)
DAYS = 30
EVENTS = 20_000
SOURCES = {"website-prod", "android-prod", "ios-prod"}
WITH_SKU = {"Product Clicked", "Product Added", "Order Completed"}
HOUR = timedelta(hours=1)


class Received(NamedTuple):
    """A record and where it was found."""

    source: str
    day: datetime
    record: dict[str, Any]

    def time(self, field: str) -> datetime:
        return datetime.strptime(self.record[field], "%Y-%m-%dT%H:%M:%S.%f%z")

    @property
    def event(self) -> str:
        return str(self.record.get("event", ""))

    @property
    def properties(self) -> dict[str, Any]:
        return dict(self.record["properties"])


def _records(logs: Iterator[LogFile] | list[LogFile]) -> Iterator[Received]:
    for log in logs:
        source, day, _ = log.key.split("/")
        for line in gzip.decompress(log.body).splitlines():
            yield Received(source, datetime.fromtimestamp(int(day) / 1000, UTC), json.loads(line))


@pytest.fixture(scope="module")
def logs() -> list[LogFile]:
    return list(log_files(END, DAYS, EVENTS))


@pytest.fixture(scope="module")
def records(logs: list[LogFile]) -> list[Received]:
    return list(_records(logs))


@pytest.fixture(scope="module")
def clicks(records: list[Received]) -> dict[str, list[dict[str, Any]]]:
    """The products that each user clicked."""
    products = defaultdict(list)
    for received in records:
        if received.event == "Product Clicked" and received.record["userId"]:
            products[received.record["userId"]].append(received.properties)
    return products


def test_a_repeated_run_writes_the_same_objects(logs: list[LogFile]) -> None:
    """A repeated seed must replace everything instead of adding a second copy."""
    assert list(log_files(END, DAYS, EVENTS)) == logs


def test_objects_are_where_segment_writes_them(logs: list[LogFile]) -> None:
    """Participants find a `<source>/<day>/` folder for each source and day."""
    days = {datetime(2026, 1, 31, tzinfo=UTC) + timedelta(days=day) for day in range(DAYS)}
    found: Counter[tuple[str, datetime]] = Counter()
    for log in logs:
        source, day, name = log.key.split("/")
        written, digits, ending = name.split(".")
        assert written.isdecimal()
        assert int(digits, 16) >= 0
        assert ending == "gz"
        found[source, datetime.fromtimestamp(int(day) / 1000, UTC)] += 1
    assert set(found) == {(source, day) for source in SOURCES for day in days}
    assert len({log.key for log in logs}) == len(logs)


def test_an_object_is_one_json_event_a_line(logs: list[LogFile]) -> None:
    """A reader that joins objects, as `zcat` does, must not join the last and first events."""
    for log in logs:
        text = gzip.decompress(log.body)
        assert text.endswith(b"}\n")
        assert text.count(b"\n") == log.events


@pytest.mark.parametrize(("days", "events"), [(1, 8_000), (2, 6_000), (DAYS, EVENTS)])
def test_the_volume_is_what_was_asked_for(days: int, events: int) -> None:
    """An engineer's `--events` is what the job will read."""
    written = sum(log.events for log in log_files(END, days, events))
    assert written == pytest.approx(events, rel=0.02)


def test_records_lie_in_the_day_they_were_received(records: list[Received]) -> None:
    """A query for one day's folder must not answer for another, or for the future."""
    for received in records:
        assert received.day <= received.time("receivedAt") < received.day + timedelta(days=1)
        assert received.day.date() <= END


def test_timestamps_correct_the_clock_of_the_device(records: list[Received]) -> None:
    """The job exports the time that Segment computes."""
    wrong_clocks = 0
    for received in records:
        sent, arrived = received.time("sentAt"), received.time("receivedAt")
        original, timestamp = received.time("originalTimestamp"), received.time("timestamp")
        assert timestamp == arrived - (sent - original)
        for field in ("originalTimestamp", "receivedAt", "sentAt", "timestamp"):
            assert len(received.record[field]) == len("2026-03-01T00:00:00.000Z")
            assert received.record[field].endswith("Z")
        if abs(arrived - sent) > timedelta(minutes=1):
            wrong_clocks += 1
            assert received.source != "website-prod"
    assert wrong_clocks / len(records) > 0.02


def test_a_few_mobile_events_arrive_on_the_next_day(records: list[Received]) -> None:
    """They reveal a query that takes the folder's day for the event's."""
    late = [
        received
        for received in records
        if received.time("sentAt") - received.time("originalTimestamp") > 12 * HOUR
        and received.source != "website-prod"
    ]
    assert 0.002 < len(late) / len(records) < 0.03
    assert any(received.time("timestamp") < received.day for received in late)


def test_only_three_events_carry_a_product(records: list[Received]) -> None:
    """The third Athena question asks for them."""
    with_sku = {
        received.event
        for received in records
        if received.record.get("properties", {}).get("sku") is not None
    }
    assert with_sku == WITH_SKU


def test_orders_have_both_forms(records: list[Received]) -> None:
    """Both forms that the job supports must meet real data."""
    orders = [received.properties for received in records if received.event == "Order Completed"]
    single = [order for order in orders if "sku" in order]
    several = [order for order in orders if "sku" not in order]
    assert min(len(single), len(several)) > 0.2 * len(orders)
    assert not any("products" in order for order in single)
    for order in several:
        skus = [product["sku"] for product in order["products"]]
        assert len(set(skus)) == len(skus) > 1
        lines = (product["price"] * product["quantity"] for product in order["products"])
        assert order["revenue"] == sum(lines)


def test_visits_lead_from_lists_to_orders(records: list[Received]) -> None:
    """A recommender must not see orders of products that nobody looked at."""
    counts = Counter(received.event for received in records)
    funnel = ("Product Clicked", "Product Added", "Cart Viewed", "Checkout Started")
    steps = [counts[event] for event in (*funnel, "Order Completed")]
    assert steps == sorted(steps, reverse=True)
    assert min(steps[-1], counts["Product List Viewed"], counts["Products Searched"]) > 200
    seen: dict[str, set[str]] = defaultdict(set)
    for received in sorted(records, key=lambda received: received.time("timestamp")):
        if received.event in WITH_SKU:
            products = received.properties.get("products", [received.properties])
            known = seen[received.record["anonymousId"]]
            if received.event == "Product Clicked":
                known.update(product["sku"] for product in products)
            assert {product["sku"] for product in products} <= known


def test_a_quarter_of_the_events_is_anonymous(records: list[Received]) -> None:
    """The job's rule about records with no user must meet some."""
    anonymous = sum(received.record["userId"] is None for received in records)
    assert anonymous / len(records) == pytest.approx(0.25, abs=0.05)
    assert all(received.record["anonymousId"] for received in records)


def test_visitors_who_sign_up_become_users(records: list[Received]) -> None:
    """Traffic turns from anonymous to identified."""
    ways: dict[str, list[str | None]] = defaultdict(list)
    for received in sorted(records, key=lambda received: received.time("timestamp")):
        ways[received.record["anonymousId"]].append(received.record["userId"])
    signed_up = [received.record for received in records if received.event == "Signed Up"]
    assert len(signed_up) > 20
    for record in signed_up:
        first, *_, last = ways[record["anonymousId"]]
        assert (first, last) == (None, record["userId"])


def test_identify_calls_carry_the_workshops_traits(records: list[Received]) -> None:
    """The trait mappings of the hand-made table need traits."""
    identified = [received.record for received in records if received.record["type"] == "identify"]
    assert len(identified) > 200
    for record in identified:
        assert set(TRAIT_MAPPINGS.values()) <= set(record["traits"])
        assert record["traits"]["email"].endswith("@example.com")
        assert record["userId"]


def test_every_call_has_the_shape_of_its_type_and_platform(records: list[Received]) -> None:
    """A participant who knows Segment must recognise the records."""
    for source, _, record in records:
        named = {"track": "event", "page": "name", "screen": "name"}.get(record["type"])
        assert named is None or record[named]
        library = {"website-prod": "analytics.js"}.get(source, f"analytics-{source[:-5]}")
        assert record["context"]["library"]["name"] == library
        assert record["channel"] == ("browser" if source == "website-prod" else "mobile")
        assert record["type"] != ("screen" if source == "website-prod" else "page")
        assert "writeKey" not in record


def test_a_few_messages_are_delivered_twice(records: list[Received]) -> None:
    """The job's deduplication must meet duplicates as Segment makes them."""
    deliveries = defaultdict(list)
    for received in records:
        deliveries[received.record["messageId"]].append(received)
    twice = [copies for copies in deliveries.values() if len(copies) > 1]
    assert 0.003 < len(twice) / len(records) < 0.007
    for first, second in twice:
        apart = {"receivedAt", "sentAt"}
        assert {key for key in first.record if first.record[key] != second.record[key]} == apart
        assert first.time("receivedAt") < second.time("receivedAt")
    assert any(first.day != second.day for first, second in twice)


def test_people_return_to_their_departments_and_brand(
    clicks: dict[str, list[dict[str, Any]]],
) -> None:
    """A recommender learns taste."""

    def share(of: Callable[[dict[str, Any]], str], favourites: int) -> float:
        often = [[of(product) for product in own] for own in clicks.values() if len(own) > 9]
        top = sum(sum(n for _, n in Counter(own).most_common(favourites)) for own in often)
        return top / sum(len(own) for own in often)

    assert share(lambda product: str(product["category"]), 2) > 0.75
    assert share(lambda product: str(product["brand"]), 1) > 0.5


def test_some_products_are_far_more_popular(clicks: dict[str, list[dict[str, Any]]]) -> None:
    """A recommender learns popularity, and is compared with a list of bestsellers."""
    counts = Counter(product["sku"] for own in clicks.values() for product in own)
    top = sum(count for _, count in counts.most_common(len(counts) // 10))
    assert 0.3 < top / counts.total() < 0.8
    assert len(counts) > 500


def test_evenings_and_weekends_are_busy(records: list[Received]) -> None:
    """Nobody believes a flat chart of events by hour or day."""
    hours = Counter(received.time("timestamp").hour for received in records)
    days = Counter(received.day.weekday() for received in records)
    assert hours[20] > 2 * hours[3]
    saturday, tuesday = 5, 1
    assert days[saturday] > 1.2 * days[tuesday]


def _fits(value: object, glue_type: GlueType) -> bool:
    if value is None:
        return True
    if isinstance(glue_type, list):
        return isinstance(value, list) and all(_fits(item, glue_type[0]) for item in value)
    if isinstance(glue_type, dict):
        columns = {TRAIT_MAPPINGS.get(name, name): kind for name, kind in glue_type.items()}
        return isinstance(value, Mapping) and all(
            _fits(item, columns.get(key, columns.get(key.lower(), columns.get("*", "none"))))
            for key, item in value.items()
        )
    python_types = {
        "boolean": (bool,),
        "double": (int, float),
        "int": (int,),
        "string": (str, bool),
    }
    return type(value) in python_types.get(glue_type, ())


def test_every_field_fits_a_column_of_the_table(records: list[Received]) -> None:
    """Athena would fail on a value, or hide a field that has no column."""
    for received in records:
        assert _fits(received.record, SEGMENT_LOG_COLUMNS), received.record


@pytest.mark.slow
def test_memory_does_not_grow_with_the_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 million events for a large run must not exhaust the memory."""
    monkeypatch.setattr(simulated_shop, "FILE_EVENTS", 200)

    def peak(events: int) -> int:
        tracemalloc.start()
        for log in log_files(END, 1, events):
            assert log.events < 300
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(4_500) < 1.5 * peak(1_500)
