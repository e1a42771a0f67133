"""Each step of the job by itself: rows in, rows out, in one Spark session."""

import json

import segment_events_to_csv as job
import segment_io
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.testing import assertDataFrameEqual

from tests.support.script_arguments import arguments

EVENTS = ["Product Clicked", "Order Completed"]
LATEST = 2_000_000_000
LINES = "line STRING, file STRING, problem STRING"
ITEMS = "ARRAY<STRUCT<id: STRING, value: STRING>>"
INTERACTION = f"STRUCT<seconds: BIGINT, user: STRING, event: STRING, items: {ITEMS}>"
RECORDS = (
    f"verdict STRING, message_id STRING, row_id BIGINT, interaction {INTERACTION}, "
    "other_event STRING, file STRING, text STRING, records BIGINT, is_first BOOLEAN"
)
ANNA = (1466503245, "anna", "Product Clicked", [("shoe", None)])


def event(**fields: object) -> str:
    """Write a Product Clicked event that the job keeps, with some fields set to another value."""
    record: dict[str, object] = {
        "messageId": "m",
        "event": "Product Clicked",
        "userId": "anna",
        "timestamp": "2016-06-21T10:00:45.123Z",
        "properties": {"sku": "shoe"},
    }
    return json.dumps(record | fields)


ARGS = arguments(SUPPORTED_EVENTS=",".join(EVENTS))


def lines(spark: SparkSession, *texts: str) -> DataFrame:
    return spark.createDataFrame([(text, "a.gz", None) for text in texts], LINES)


def decided(spark: SparkSession, *texts: str) -> DataFrame:
    return job.decide(job.parse(lines(spark, *texts), ARGS), ARGS, LATEST)


def test_parse_gives_the_fields_or_null(spark: SparkSession) -> None:
    """A line is an event only if it is exactly one JSON object."""
    parsed = job.parse(lines(spark, event(), "{}", event() + "x", "[]", ""), ARGS)
    assertDataFrameEqual(
        parsed.select("json.userId", "json.properties.sku", sf.isnull("json").alias("no")),
        spark.createDataFrame(
            [("anna", "shoe", False), (None, None, False), *[(None, None, True)] * 3],
            "userId STRING, sku STRING, no BOOLEAN",
        ),
    )


# The rules of docs/job.md, in their order.
VERDICTS = {
    "{": "not JSON",
    event(event="Page"): "other event",
    event(event=None, userId=None): "other event",
    event(userId=" ", properties={}): "no userId",
    event(properties={"sku": "", "products": [{"sku": None}]}, timestamp="x"): "no SKU",
    event(timestamp="2016-06-21", userId="a\tb"): "unusable timestamp",
    event(timestamp="2050-01-01T00:00:00Z"): "unusable timestamp",
    event(userId="a\tb"): "unusable identifier",
    event(properties={"sku": "x" * 257}): "unusable identifier",
    event(): "kept",
    " \t": None,
}


def test_decide_gives_the_first_verdict_that_applies(spark: SparkSession) -> None:
    """A record gets one verdict; a blank line is not a record."""
    expected = spark.createDataFrame(list(VERDICTS.items()), "line STRING, verdict STRING")
    found = decided(spark, *VERDICTS).select("line", "verdict")
    assertDataFrameEqual(found, expected)


def test_a_problem_of_a_file_is_its_verdict(spark: SparkSession) -> None:
    """The reader's own rows need no rule in the lesson."""
    row = spark.createDataFrame([(None, "a.gz", "truncated gzip")], LINES)
    (found,) = job.decide(job.parse(row, ARGS), ARGS, LATEST).collect()
    assert found.verdict == "truncated gzip"


# Of the fields userId and anonymousId, in this order; of product_id and sku, with the price.
CHOSEN = {
    "USER_FIELDS": "userId,anonymousId",
    "ITEM_FIELDS": "product_id,sku",
    "EVENT_VALUE_FIELD": "price",
}
USERS = {
    '"userId": " anna ", "anonymousId": "x"': "anna",
    '"userId": "{}", "anonymousId": 7': "7",
    '"anonymousId": "x"': "x",
    '"userid": "anna"': None,
}
PRODUCTS: dict[str, list[tuple[str, str | None]]] = {
    '"sku": "a", "product_id": "p", "price": 7.50': [("p", "7.5")],
    '"sku": "a", "product_id": " ", "price": "18.99"': [("a", "18.99")],
    '"products": [{"sku": "a", "price": 2}, {"product_id": 5}, {}]': [("a", "2"), ("5", None)],
    '"price": 9, "products": [{"sku": "a"}, {"sku": "b", "price": 2}]': [("a", "9"), ("b", "2")],
    '"price": 9, "products": [{"sku": "a", "price": null}, {"sku": "b", "price": " "}]': [
        ("a", "9"),
        ("b", "9"),
    ],
    '"price": 9, "products": [{"sku": "a", "price": "x"}, {"sku": "b", "price": [1]}]': [
        ("a", None),
        ("b", "9"),
    ],
    '"sku": "a", "price": 18.990': [("a", "18.99")],
    '"sku": "a", "price": "18.990"': [("a", "18.990")],
    '"sku": "a", "price": "free"': [("a", None)],
    '"sku": "a", "price": "1e5"': [("a", None)],
    '"sku": "a", "price": {"amount": 1}': [("a", None)],
    '"price": 7': [],
}


def test_users_items_and_values_are_in_the_fields_that_are_chosen(spark: SparkSession) -> None:
    """A shop without SKUs, or without accounts, would get an empty CSV."""
    args = arguments(SUPPORTED_EVENTS="Page", **CHOSEN)
    texts = [f'{{"event": "Page", {users}}}' for users in USERS]
    texts += [f'{{"event": "Page", "properties": {{{products}}}}}' for products in PRODUCTS]
    found = job.decide(job.parse(lines(spark, *texts), args), args, LATEST).collect()
    assert [row.user for row in found[: len(USERS)]] == list(USERS.values())
    items = [[tuple(item) for item in row["items"]] for row in found[len(USERS) :]]
    assert items == list(PRODUCTS.values())


def test_items_are_the_events_own_or_those_of_its_products(spark: SparkSession) -> None:
    """A number in a product is as good an SKU as one in the event."""
    cases: dict[str, list[str]] = {
        '{"sku": "own", "products": [{"sku": "a"}]}': ["own"],
        '{"sku": " ", "products": [{"sku": "a"}, null, {"sku": 12345678.0}, "x"]}': [
            "a",
            "12345678",
        ],
        '{"sku": 1.2345678E7}': ["12345678"],
        "{}": [],
    }
    texts = [f'{{"properties": {properties}}}' for properties in cases]
    read = job.parse(lines(spark, *texts), ARGS).select(
        segment_io.texts_at("properties.", ["sku"]).alias("own"),
        segment_io.texts_of_each("properties.products", ["sku"]).alias("listed"),
    )
    found = read.select(job.items(sf.col("own"), "listed", ARGS).alias("items"))
    rows = [([(item, None) for item in items],) for items in cases.values()]
    assertDataFrameEqual(found, spark.createDataFrame(rows, f"items {ITEMS}"))


def test_seconds_are_whole_and_null_for_anything_else(spark: SparkSession) -> None:
    """Java's OffsetDateTime leaves out the seconds of a full minute."""
    cases = {
        "2019-02-26T10:00:00.999Z": 1551175200,
        "2019-02-26T10:00Z": 1551175200,
        "2019-02-26T10:00+01:00": 1551171600,
        "2019-02-26T10:00": 1551175200,
        "2019-02-26T10:00-0700": 1551200400,
        "2019-02-26T10Z": None,
        "2019-02-26T10:00.5Z": None,
        "2019-02-26 10:00Z": None,
        "T10:00": None,
        "2019": None,
    }
    texts = spark.createDataFrame([(text,) for text in cases], "timestamp STRING")
    expected = spark.createDataFrame(list(cases.items()), "timestamp STRING, seconds BIGINT")
    assertDataFrameEqual(
        texts.select("timestamp", job.seconds(sf.col("timestamp")).alias("seconds")), expected
    )


def test_count_once_marks_the_first_of_each_message(spark: SparkSession) -> None:
    """The earliest delivery counts; without a messageId every record does."""
    records = job.count_once(
        decided(
            spark,
            event(timestamp="2016-06-21T10:00:46Z"),
            event(),
            event(),
            event(messageId=None),
            event(messageId=None),
            "{",
            "{",
            event(event="Page"),
            event(event="Page"),
        )
    )
    found = records.select(
        "verdict", "message_id", "interaction.seconds", "other_event", "text", "records", "is_first"
    )
    assertDataFrameEqual(
        found,
        spark.createDataFrame(
            [
                ("kept", "m", 1466503245, None, None, 2, True),
                ("kept", "m", 1466503246, None, None, 1, False),
                *[("kept", None, 1466503245, None, None, 1, True)] * 2,
                *[("not JSON", None, None, None, "{", 1, True)] * 2,
                ("other event", None, None, "Page", None, 2, True),
            ],
            "verdict STRING, message_id STRING, seconds BIGINT, other_event STRING, text STRING, "
            "records BIGINT, is_first BOOLEAN",
        ),
    )


def counted(spark: SparkSession) -> DataFrame:
    """Records as `count_once` leaves them."""
    order = (1466503245, "bert", "Order Completed", [("hat", "7.5"), ("sock", None)])
    others = [
        ("other event", None, None, None, f"event {n:02}", None, None, 100 - n // 2, True)
        for n in range(12)
    ]
    return spark.createDataFrame(
        [
            ("kept", "m", None, ANNA, None, None, None, 2, True),
            ("kept", "m", None, ANNA, None, None, None, 1, False),
            ("kept", "n", None, order, None, None, None, 1, True),
            ("no userId", None, None, None, None, None, None, 7, True),
            ("not JSON", None, 1, None, None, "a.gz", "{", 1, True),
            (None, None, None, None, None, None, None, 5, True),
            *others,
        ],
        RECORDS,
    )


def test_count_adds_up_and_names_the_most_frequent_other_events(spark: SparkSession) -> None:
    """Who misses events sees which names were left out, ten at most, most first."""
    counts = job.count(counted(spark))
    assert list(counts.pop("other_events").items()) == [  # type: ignore[attr-defined]
        (f"event {n:02}", 100 - n // 2) for n in range(10)
    ]
    assert counts == {
        "records_read": 12 * 100 - 30 + 12,
        "kept": 2,
        "duplicates": 2,
        "filtered": {"other event": 1170, "no userId": 7, "no SKU": 0},
        "rejected": dict.fromkeys(job.REJECTED, 0) | {"not JSON": 1},
        "rows_written": 3,
    }


def test_what_is_written(spark: SparkSession) -> None:
    """A row for each SKU of each first message; every broken record with its file."""
    assertDataFrameEqual(
        job.interactions(counted(spark)),
        spark.createDataFrame(
            [
                ("anna", "shoe", None, "Product Clicked", 1466503245),
                ("bert", "hat", "7.5", "Order Completed", 1466503245),
                ("bert", "sock", None, "Order Completed", 1466503245),
            ],
            "USER_ID STRING, ITEM_ID STRING, EVENT_VALUE STRING, EVENT_TYPE STRING, "
            "TIMESTAMP BIGINT",
        ),
    )
    assertDataFrameEqual(
        job.rejected(counted(spark)),
        spark.createDataFrame(
            [("not JSON", "a.gz", "{")], "reason STRING, file STRING, text STRING"
        ),
    )
