"""Glue job: turn Segment events into interactions for Amazon Personalize.

One JSON event per line in ...

    {"messageId": "ajs-1", "userId": "2abfa5cf", "event": "Product Clicked",
     "timestamp": "2016-06-21T10:00:45.123Z", "properties": {"sku": "52c1-sku"}, ...}

... and one CSV row per product out:

    USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP
    2abfa5cf,52c1-sku,Product Clicked,1466503245

Start with main(): it is the whole job, one line per step. Each step is a function below it, in
the same order. Damaged files and replacing the old CSV safely are left to segment_io.py.
"""

import sys

import segment_io
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as sf

# A record is kept, filtered (fine, but of no use for training) or rejected (broken).
KEPT = "kept"
OTHER_EVENT, NO_USER, NO_SKU = "other event", "no userId", "no SKU"
FILTERED = (OTHER_EVENT, NO_USER, NO_SKU)
NOT_JSON, BAD_TIME, BAD_IDENTIFIER = "not JSON", "unusable timestamp", "unusable identifier"
REJECTED = (NOT_JSON, BAD_TIME, BAD_IDENTIFIER, *segment_io.FILE_PROBLEMS)

EVENT_SCHEMA = """messageId STRING, {user_fields}, event STRING, timestamp STRING,
    properties STRUCT<{product_fields}, products: ARRAY<STRING>>"""
# Without this check, a cast would also accept "2024" and "T10:00" (today!).
ISO_8601 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?\z"
YEAR_2000 = 946_684_800  # seconds since 1970
# Control characters, the mark of bytes that are not UTF-8, or more than 256 characters.
UNUSABLE = r"(?s)[\x00-\x1F\x7F-\x9F\uFFFD]|^.{257}"


def main() -> None:
    """Run the job with the arguments that Glue passes."""
    args = segment_io.arguments(sys.argv)

    def judge(lines: DataFrame, latest: int) -> DataFrame:
        events = parse(lines, args)
        records = decide(events, args, latest)
        return count_once(records)

    with segment_io.Run(args) as run:
        records, counts = run.read(judge, count)
        run.write_rejected(rejected(records), counts)
        run.report(counts)
        run.write_csv(interactions(records), counts)


# Step 1: parse


def parse(lines: DataFrame, args: segment_io.Arguments) -> DataFrame:
    """Add the column `json`: the fields that the CSV needs; null if the line is not JSON."""
    schema = EVENT_SCHEMA.format(**args.schemas)  # "userId STRING" and "sku STRING", usually
    return lines.withColumn("json", segment_io.one_json_object("line", schema))


# Step 2: decide whether to keep a record


def decide(events: DataFrame, args: segment_io.Arguments, latest: int) -> DataFrame:
    """Add the column `verdict`: the first rule that applies decides."""
    is_supported = sf.coalesce(sf.col("json.event").isin(args.supported_events), sf.lit(False))

    def read(value: Column, name: str) -> Column:  # in other events nothing else is looked at
        return sf.when(is_supported, value).alias(name)

    texts = events.select(
        *("line", "file", "problem", "json.event"),
        sf.isnotnull("json").alias("is_json"),
        is_supported.alias("is_supported"),
        read(segment_io.text_at("messageId"), "message_id"),
        read(sf.coalesce(*map(segment_io.text_at, args.user_fields)), "user"),
        read(segment_io.texts_at("properties.", args.product_fields), "own"),
        read(segment_io.texts_of_each("properties.products", args.product_fields), "products"),
        read(seconds(sf.col("json.timestamp")), "seconds"),
    )
    records = texts.withColumn("items", items(sf.col("own"), "products", args))
    in_time = sf.coalesce(sf.col("seconds").between(YEAR_2000, latest), sf.lit(False))
    identifiers = sf.array_append("items.id", sf.col("user"))
    verdict = (
        sf.when(sf.isnotnull("problem"), sf.col("problem"))
        .when(~sf.col("is_json") & segment_io.is_blank("line"), None)  # not a record
        .when(~sf.col("is_json"), NOT_JSON)
        .when(~sf.col("is_supported"), OTHER_EVENT)
        .when(sf.isnull("user"), NO_USER)
        .when(sf.size("items") == 0, NO_SKU)
        .when(~in_time, BAD_TIME)
        .when(sf.exists(identifiers, lambda text: text.rlike(UNUSABLE)), BAD_IDENTIFIER)
        .otherwise(KEPT)
    )
    return records.withColumn("verdict", verdict)


def items(own: Column, listed: str, args: segment_io.Arguments) -> Column:
    """The event's own item or, for an order of several products, those of its products."""

    def item(fields: Column) -> Column:  # its id, and its value or the event's, if one is wanted
        value = segment_io.number(args.value_field, fields, own)
        id_ = sf.coalesce(*(fields[name] for name in args.item_fields))
        return sf.struct(id_.alias("id"), value.alias("value"))

    has_id = sf.filter(sf.transform(listed, item), lambda each: each["id"].isNotNull())
    one = item(own)
    return sf.coalesce(sf.when(one["id"].isNotNull(), sf.array(one)), has_id, sf.array())


def seconds(timestamp: Column) -> Column:
    """ISO 8601 as whole seconds since 1970; null for anything else. No offset means UTC."""
    with_seconds = sf.regexp_replace(timestamp, r"T(\d\d:\d\d)(?!:)", "T$1:00")
    time = sf.coalesce(sf.try_to_timestamp(timestamp), sf.try_to_timestamp(with_seconds))
    return sf.when(timestamp.rlike(ISO_8601), sf.unix_seconds(time))


# Step 3: count a message that was delivered twice once


def count_once(records: DataFrame) -> DataFrame:
    """Unite identical records with their number; mark the first one of each messageId."""
    verdict = sf.col("verdict")
    is_kept, is_rejected = verdict == KEPT, verdict.isin(*REJECTED)
    message_id = sf.nullif("message_id", sf.lit(segment_io.UNREADABLE))
    unmatched = is_rejected | (is_kept & sf.isnull(message_id))  # never a repeat of another
    columns = {
        "verdict": verdict,
        "message_id": sf.when(is_kept, message_id),
        "row_id": sf.when(unmatched, sf.monotonically_increasing_id()),
        "interaction": sf.when(is_kept, sf.struct("seconds", "user", "event", "items")),
        "other_event": sf.when(verdict == OTHER_EVENT, sf.left("event", sf.lit(99))),
        "file": sf.when(is_rejected, sf.col("file")),
        "text": sf.when(is_rejected, sf.col("line")),
    }
    records = records.select(*(value.alias(name) for name, value in columns.items()))
    same_message = Window.partitionBy("verdict", "message_id", "row_id").orderBy("interaction")
    identical = records.groupBy(*columns).agg(sf.count("*").alias("records"))
    return identical.withColumn("is_first", sf.row_number().over(same_message) == 1)


# Step 4: count everything, so that nothing is lost silently


def count(records: DataFrame) -> dict[str, object]:
    """The counts: records_read = kept + duplicates + filtered + rejected."""
    rows = sf.sum(sf.when(sf.col("is_first"), sf.size("interaction.items")))
    by_verdict = records.groupBy("verdict").agg(sf.sum("records"), sf.count_if("is_first"), rows)
    numbers = {verdict: numbers for verdict, *numbers in by_verdict.collect() if verdict}
    records_of = {verdict: number for verdict, (number, *_) in numbers.items()}
    kept_records, kept_messages, rows_written = numbers.get(KEPT, (0, 0, 0))
    return {
        "records_read": sum(records_of.values()),
        "kept": kept_messages,
        "duplicates": kept_records - kept_messages,
        "filtered": {reason: records_of.get(reason, 0) for reason in FILTERED},
        "rejected": {reason: records_of.get(reason, 0) for reason in REJECTED},
        "rows_written": rows_written,
        "other_events": segment_io.most_frequent(records, "other_event"),
    }


# Step 5: write


def rejected(records: DataFrame) -> DataFrame:
    """The broken records, each with the reason and the file it came from."""
    broken = records.where(sf.col("verdict").isin(*REJECTED))
    return broken.select(sf.col("verdict").alias("reason"), "file", "text")


def interactions(records: DataFrame) -> DataFrame:
    """One row per kept message and item, with the column names that Personalize expects."""
    kept = records.where((sf.col("verdict") == KEPT) & sf.col("is_first"))
    return kept.select(
        sf.col("interaction.user").alias("USER_ID"),
        sf.inline("interaction.items").alias("ITEM_ID", "EVENT_VALUE"),
        sf.col("interaction.event").alias("EVENT_TYPE"),
        sf.col("interaction.seconds").alias("TIMESTAMP"),
    )


if __name__ == "__main__":
    main()
