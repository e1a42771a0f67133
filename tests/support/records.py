"""Records as Segment writes them, and a run of the job on them beside the reference."""

import json
from datetime import UTC, date, datetime

from tests.support.live_job import Folders, LiveJob, Outcome, csv_lines_of
from tests.support.reference import EVENTS, Result, transform

NEXT_DAY, THIRD_DAY = "ios-prod/1466553600000", "android-prod/1466640000000"
# Product Clicked and Order Completed as the e-commerce v2 specification shows them.
PRODUCT = {
    "product_id": "507f1f77bcf86cd799439011",
    "sku": "G-32",
    "category": "Games",
    "name": "Monopoly: 3rd Edition",
    "brand": "Hasbro",
    "variant": "200 pieces",
    "price": 18.99,
    "quantity": 1,
    "coupon": "MAYDEALS",
    "position": 3,
    "url": "https://www.example.com/product/path",
    "image_url": "https://www.example.com/product/path.jpg",
}
ORDER = {
    "checkout_id": "fksdjfsdjfisjf9sdfjsd9f",
    "order_id": "50314b8e9bcf000000000000",
    "affiliation": "Google Store",
    "total": 27.50,
    "products": [
        PRODUCT,
        PRODUCT | {"product_id": "505bd76785ebb509fc183733", "sku": "46493-32", "name": "Uno"},
    ],
}


def event(message: str | None, **fields: object) -> str:
    """Write a Product Clicked event that the job keeps, with some fields set to another value."""
    record: dict[str, object] = {
        "messageId": message,
        "type": "track",
        "event": "Product Clicked",
        "userId": "anna",
        "timestamp": "2016-06-21T10:00:45.123Z",
        "properties": {"sku": "shoe", "price": 12.5},
        "context": {"page": {"path": "/shoe"}, "traits": None, "campaign": {"name": None}},
    }
    return json.dumps(record | fields, ensure_ascii=False)


def lines(*records: str) -> str:
    return "".join(f"{record}\n" for record in records)


def check(job: LiveJob, folders: Folders, **options: object) -> Result:
    """Run the job, hold everything that it leaves against the reference, give the latter."""
    start, end = (options.get(name) for name in ("START_DATE", "END_DATE"))
    expected = transform(
        folders.source,
        datetime.now(UTC),
        str(options.get("SUPPORTED_EVENTS", ",".join(EVENTS))).split(","),
        start if isinstance(start, date) else None,
        end if isinstance(end, date) else None,
    )
    outcome = job.run(folders, **options)
    assert outcome.error == ""
    assert folders.csv_lines() == csv_lines_of(expected.rows)
    assert folders.rejected_records() == sorted(expected.rejected, key=str)
    assert json.dumps(folders.accounting()) == json.dumps(expected.accounting)
    assert printed(outcome) == expected.accounting
    return expected


def printed(outcome: Outcome) -> object:
    (line,) = [line for line in outcome.output if line.startswith("ACCOUNTING ")]
    return json.loads(line.removeprefix("ACCOUNTING "))


def left(folders: Folders) -> list[str]:
    return sorted(path.name for path in folders.base.iterdir())


SHAPES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "clicked": (event("1", properties=PRODUCT), [("anna", "G-32")]),
    "added": (event("2", event="Product Added", properties=PRODUCT), [("anna", "G-32")]),
    "order": (
        event("3", event="Order Completed", properties=ORDER),
        [("anna", "46493-32"), ("anna", "G-32")],
    ),
    "order with a SKU of its own": (
        event("4", event="Order Completed", properties=ORDER | {"sku": "own"}),
        [("anna", "own")],
    ),
    "order with an empty one": (
        event("5", event="Order Completed", properties=ORDER | {"sku": " "}),
        [("anna", "46493-32"), ("anna", "G-32")],
    ),
    "a product twice": (
        event("6", properties={"products": [{"sku": "b"}, {"sku": "a"}, {"sku": "b"}]}),
        [("anna", "a"), ("anna", "b"), ("anna", "b")],
    ),
    "nulls": (
        event("7", properties={"sku": None, "products": [None, {"sku": None}, {"sku": "x"}]}),
        [("anna", "x")],
    ),
    "properties as a text": (event("8", properties='{"sku": "shoe"}'), []),
    "properties as an array": (event("9", properties=[{"sku": "shoe"}]), []),
    "products as an object": (event("10", properties={"products": {"sku": "x"}}), []),
    "products as a text": (event("11", properties={"products": '[{"sku":"x"}]'}), []),
    "elements of all types": (
        event("12", properties={"products": ["x", 1, [{"sku": "y"}], {"sku": ["z"]}, {"sku": 2}]}),
        [("anna", "2")],
    ),
    "a product as a text": (
        event("20", properties={"products": ['{"sku": "x"}', '{"sku": "y"']}), [("anna", "x")]
    ),
    "braces": (
        event("{21}", userId="{3f2504e0-4f89}", properties={"sku": "[SALE] shoe"}),
        [("{3f2504e0-4f89}", "[SALE] shoe")],
    ),
    "braces again": (event("{21}", userId="{3f2504e0-4f89}", properties={"sku": "hat"}), []),
    "SKU as an object": (event("13", properties={"sku": {"id": "x"}}), []),
    "numbers": (event("14", userId=42, properties={"sku": 7.50}), [("42", "7.5")]),
    "a large number": (
        event("15", userId=10**30 + 1, properties={"sku": True}),
        [(f"{10**30 + 1}", "true")],
    ),
    "keys twice": (event("16")[:-1] + ', "userId": "bert", "properties": {"sku": "hat"}}',
        [("bert", "hat")]),
    "nested key twice": (
        event("17").replace('"sku": "shoe"', '"sku": "shoe", "sku": "hat"'), [("anna", "hat")]
    ),
    "a field far away": (
        event("18", properties={"x": {"sku": "no"}, "y": [{"sku": "no"}]}, sku="no"), []
    ),
    "escapes": (
        event("19").replace('"anna"', r'"\u0061\u006ena"').replace("userId", r"us\u0065rId"),
        [("anna", "shoe")],
    ),
    **{
        f"SKU {sku}": (event(f"sku {sku}", properties={"sku": sku}), [("anna", sku)])
        for sku in ("a,b", 'say "hi"', '"', "back\\", '\\"', "#1", "größe", "日本", "😀", "a b")
    },
}  # fmt: skip
