"""Glue job SegmentEventsJsonToCsv: turn Segment events into interactions for Amazon Personalize.

One JSON event per line in ...

    {"messageId": "ajs-1", "userId": "2abfa5cf", "event": "Product Clicked",
     "timestamp": "2016-06-21T10:00:45.123Z", "properties": {"sku": "52c1-sku"}, ...}

... and one CSV row per product out:

    USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP
    2abfa5cf,52c1-sku,Product Clicked,1466503245

Start with main(): it is the whole job, one line per step. Each step is a function below it, in the
same order. Damaged files and the safe way to replace the old CSV are segment_io.py's business.
"""

import sys

import segment_io
from awsglue.context import GlueContext
from awsglue.job import Job
from pyspark import SparkContext
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as sf

# Every record gets one verdict: it is kept, filtered (fine, but of no use for training) or rejected
# (broken). docs/job.md has the exact rules.
KEPT = "kept"
OTHER_EVENT, NO_USER, NO_SKU = "other event", "no userId", "no SKU"
FILTERED = (OTHER_EVENT, NO_USER, NO_SKU)
NOT_JSON, BAD_TIME, BAD_IDENTIFIER = "not JSON", "unusable timestamp", "unusable identifier"
REJECTED = (NOT_JSON, BAD_TIME, BAD_IDENTIFIER, *segment_io.FILE_PROBLEMS)

EVENT_SCHEMA = """messageId STRING, userId STRING, event STRING, timestamp STRING,
    properties STRUCT<sku: STRING, products: ARRAY<STRING>>"""
# Without this check, a cast would also accept "2024" and "T10:00" (today!).
ISO_8601 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?\z"
YEAR_2000 = 946_684_800  # seconds since 1970
# Control characters, the mark of bytes that are not UTF-8, or more than 256 characters.
UNUSABLE = r"(?s)[\x00-\x1F\x7F-\x9F\uFFFD]|.{257}"


def main() -> None:
    """Run the job with the arguments that Glue passes."""
    args = segment_io.arguments(sys.argv)
    glue = GlueContext(SparkContext.getOrCreate())
    job = Job(glue)
    job.init(args.job_name, args.given)

    def judge(lines: DataFrame, latest: int) -> DataFrame:
        events = parse(lines)
        records = decide(events, args.supported_events, latest)
        return count_once(records)

    with segment_io.Run(glue.spark_session, args) as run:
        records, counts = run.read(judge, count)
        run.write_rejected(rejected(records), counts)
        run.report(counts)
        run.write_csv(interactions(records), counts)
    job.commit()


# Step 1: parse


def parse(lines: DataFrame) -> DataFrame:
    """Add the column `json`: the fields that the CSV needs; null if the line is not JSON."""
    return lines.withColumn("json", segment_io.one_json_object("line", EVENT_SCHEMA))


# Step 2: decide whether to keep a record


def decide(events: DataFrame, supported_events: list[str], latest: int) -> DataFrame:
    """Add the column `verdict`: the first rule that applies decides."""
    is_supported = sf.coalesce(sf.col("json.event").isin(supported_events), sf.lit(False))

    def if_supported(value: Column) -> Column:  # nothing else is looked at in other events
        return sf.when(is_supported, value)

    events = events.select(
        "*",
        is_supported.alias("is_supported"),
        if_supported(sf.nullif(identifier("messageId"), sf.lit(segment_io.UNREADABLE))).alias(
            "message_id"
        ),
        if_supported(identifier("userId")).alias("user"),
        if_supported(skus()).alias("skus"),
        if_supported(seconds("json.timestamp")).alias("seconds"),
    )
    in_time = sf.coalesce(sf.col("seconds").between(YEAR_2000, latest), sf.lit(False))
    identifiers = sf.array_append("skus", sf.col("user"))
    verdict = (
        sf.when(sf.isnotnull("problem"), sf.col("problem"))
        .when(sf.isnull("json") & segment_io.is_blank("line"), None)  # not a record
        .when(sf.isnull("json"), NOT_JSON)
        .when(~sf.col("is_supported"), OTHER_EVENT)
        .when(sf.isnull("user"), NO_USER)
        .when(sf.size("skus") == 0, NO_SKU)
        .when(~in_time, BAD_TIME)
        .when(sf.exists(identifiers, lambda text: text.rlike(UNUSABLE)), BAD_IDENTIFIER)
        .otherwise(KEPT)
    )
    return events.withColumn("verdict", verdict)


def identifier(path: str, json: Column | str = "json", source: Column | str = "line") -> Column:
    """A text without the blanks around it; null if it is empty, a JSON object or an array."""
    text = sf.trim(segment_io.text_at(path, json, source))
    return sf.when((text != "") & ~segment_io.is_nested_json(text), text)


def skus() -> Column:
    """The event's own SKU or, for an order of several products, those of its products."""

    def product_sku(product: Column) -> Column:
        return identifier("sku", segment_io.json_object(product, "sku STRING"), product)

    own = identifier("properties.sku")
    listed = sf.filter(sf.transform("json.properties.products", product_sku), sf.isnotnull)
    return sf.when(own.isNotNull(), sf.array(own)).otherwise(sf.coalesce(listed, sf.array()))


def seconds(timestamp: str) -> Column:
    """ISO 8601 as whole seconds since 1970; null for anything else. No offset means UTC."""
    with_seconds = sf.regexp_replace(timestamp, r"T(\d\d:\d\d)(?!:)", "T$1:00")
    is_iso = sf.col(timestamp).rlike(ISO_8601)
    return sf.when(is_iso, sf.unix_seconds(sf.try_to_timestamp(with_seconds)))


# Step 3: count a message that was delivered twice once


def count_once(records: DataFrame) -> DataFrame:
    """Unite identical records, number them, and mark the first one of each messageId.

    The steps after this one read these few columns. Filtered records are one row per reason.
    """
    is_kept, is_other = sf.col("verdict") == KEPT, sf.col("verdict") == OTHER_EVENT
    is_rejected = sf.col("verdict").isin(*REJECTED)
    unmatched = is_rejected | (is_kept & sf.isnull("message_id"))  # never a repeat of another
    columns = {
        "verdict": sf.col("verdict"),
        "message_id": sf.when(is_kept, sf.col("message_id")),
        "row_id": sf.when(unmatched, sf.monotonically_increasing_id()),
        "interaction": sf.when(is_kept, sf.struct("seconds", "user", "json.event", "skus")),
        "other_event": sf.when(is_other, sf.left("json.event", sf.lit(100))),
        "file": sf.when(is_rejected, sf.col("file")),
        "text": sf.when(is_rejected, sf.col("line")),
    }
    records = records.select(*(value.alias(name) for name, value in columns.items()))
    same_message = Window.partitionBy("verdict", "message_id", "row_id").orderBy("interaction")
    identical = records.groupBy(*columns).agg(sf.count("*").alias("records"))
    return identical.withColumn("is_first", sf.row_number().over(same_message) == 1)


# Step 4: count everything, so that nothing is lost silently


def count(records: DataFrame) -> dict[str, object]:
    """Counts by name: records_read = kept + duplicates + filtered + rejected."""
    number = sf.sum("records").alias("number")
    csv_rows = sf.sum(sf.when(sf.col("is_first"), sf.size("interaction.skus")))
    totals = records.groupBy("verdict").agg(number, sf.count_if("is_first"), csv_rows)
    by_verdict = {verdict: numbers for verdict, *numbers in totals.collect() if verdict}
    records_of = {verdict: numbers[0] for verdict, numbers in by_verdict.items()}
    kept_records, kept_messages, rows_written = by_verdict.get(KEPT, (0, 0, 0))
    others = records.where(sf.isnotnull("other_event")).groupBy("other_event").agg(number)
    most_frequent = others.orderBy(sf.desc("number"), "other_event").limit(10)
    return {
        "records_read": sum(records_of.values()),
        "kept": kept_messages,
        "duplicates": kept_records - kept_messages,
        "filtered": {reason: records_of.get(reason, 0) for reason in FILTERED},
        "rejected": {reason: records_of.get(reason, 0) for reason in REJECTED},
        "rows_written": rows_written,
        "other_events": dict(most_frequent.collect()),
    }


# Step 5: write


def rejected(records: DataFrame) -> DataFrame:
    """The broken records, each with the reason and the file it came from."""
    broken = records.where(sf.col("verdict").isin(*REJECTED))
    return broken.select(sf.col("verdict").alias("reason"), "file", "text")


def interactions(records: DataFrame) -> DataFrame:
    """One row per kept message and SKU, with the column names that Personalize expects."""
    kept = records.where((sf.col("verdict") == KEPT) & sf.col("is_first"))
    return kept.select(
        sf.col("interaction.user").alias("USER_ID"),
        sf.explode("interaction.skus").alias("ITEM_ID"),
        sf.col("interaction.event").alias("EVENT_TYPE"),
        sf.col("interaction.seconds").alias("TIMESTAMP"),
    )


if __name__ == "__main__":
    main()
