"""Glue job SegmentEventsJsonToCsv: Segment events in, the interactions CSV for Personalize out.

Input: every file below S3_JSON_INPUT_PATH, one JSON event a line, as Segment's S3 destinations
write them (gzipped or not). An event becomes an interaction when it has a userId, one of the
SUPPORTED_EVENTS, and a product: properties.sku or, when there is none, every
properties.products[].sku, which is where Segment's Order Completed carries them.

Output: one file, run-<epoch milliseconds>-part-r-00000.csv, directly in S3_CSV_OUTPUT_PATH:

    USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP
    2abfa5cf,52c1-sku,Product Clicked,1466503245

The file is written to <output path>-staging/ and moved when it is complete; only then the file of
the run before is removed. Nothing else is ever in the output folder, and a run that fails leaves
it as it was. Every record that was read is accounted for in the counts that are printed last.
"""

import json
import sys
import time
from typing import Any

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark import SparkContext
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as sf

SUPPORTED_EVENTS = ["Product Clicked", "Product Added", "Order Completed"]

# Only the fields that the job needs: Spark skips the rest of each record without keeping it.
EVENT_SCHEMA = """
    messageId STRING,
    userId STRING,
    event STRING,
    timestamp STRING,
    properties STRUCT<sku: STRING, products: ARRAY<STRUCT<sku: STRING>>>,
    unparsed STRING
"""
READ_OPTIONS: dict[str, bool | str] = {
    "recursiveFileLookup": True,
    "columnNameOfCorruptRecord": "unparsed",  # the line itself, when it does not fit the schema
    "allowSingleQuotes": False,
    "allowNonNumericNumbers": False,
}
# RFC 4180: a quote is doubled, and only values that need quotes get them. Spark would quote a
# leading "#" too, its mark of a comment, so the mark is a character that no value starts with.
WRITE_OPTIONS: dict[str, bool | str] = {
    "header": True,
    "escape": '"',
    "comment": "\x01",
    "ignoreLeadingWhiteSpace": False,
    "ignoreTrailingWhiteSpace": False,
}
SPARK_SETTINGS = {
    # A gzipped file cannot be split: small partitions spread the files over all cores.
    "spark.sql.files.maxPartitionBytes": 8 * 1024 * 1024,
    "spark.sql.files.openCostInBytes": 1024 * 1024,
    # As many shuffle partitions as output files.
    "spark.sql.shuffle.partitions": 1,
    # A timestamp without an offset is UTC.
    "spark.sql.session.timeZone": "UTC",
}
# YYYY-MM-DDThh:mm:ss, then 0 to 9 fraction digits, then Z, an offset or nothing. A cast alone
# would also take "T10:00" (today!) or "2024".
ISO_8601 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d(:?\d\d)?)?$"

# What can become of a record. Filtered records are not for training; rejected ones are broken.
KEPT = "kept"
FILTERED = OTHER_EVENT, NO_USER, NO_SKU = "other event", "no userId", "no SKU"
REJECTED = NOT_JSON, BAD_TIMESTAMP = "not JSON", "unreadable timestamp"


def read_events(spark: SparkSession, input_path: str) -> DataFrame:
    """Every record below the path, with the columns of EVENT_SCHEMA; blank lines are none."""
    return spark.read.schema(EVENT_SCHEMA).options(**READ_OPTIONS).json(input_path)


def text(value: Column | str) -> Column:
    """The text without blanks around it; empty text is missing (null)."""
    return sf.nullif(sf.trim(value), sf.lit(""))


def skus(properties: str) -> Column:
    """The SKUs of an event: its own or, when it has none, those of its products."""
    sku = text(f"{properties}.sku")
    products = sf.transform(f"{properties}.products.sku", text)
    return sf.when(sku.isNotNull(), sf.array(sku)).otherwise(
        sf.filter(products, lambda product_sku: product_sku.isNotNull())
    )


def unix_seconds(timestamp: str) -> Column:
    """Whole seconds since 1970, rounded down; null when the text is not a timestamp."""
    readable = sf.col(timestamp).rlike(ISO_8601)
    return sf.when(readable, sf.unix_seconds(sf.try_to_timestamp(sf.col(timestamp))))


def judge(events: DataFrame) -> DataFrame:
    """Say of every record what becomes of it, in the column verdict.

    Only a kept record has values in the other columns. A number of its own, nth, stands in for a
    messageId that is missing.
    """
    # A JSON object that is not quite of the schema ("properties": "x") is judged by the rest.
    unparsed_type = sf.schema_of_variant(sf.try_parse_json("unparsed"))
    is_json = sf.col("unparsed").isNull() | unparsed_type.startswith("OBJECT")
    message_id = text("messageId")
    read = events.select(
        sf.coalesce(is_json, sf.lit(False)).alias("is_json"),
        message_id.alias("messageId"),
        sf.when(message_id.isNull(), sf.monotonically_increasing_id()).alias("nth"),
        unix_seconds("timestamp").alias("timestamp"),
        text("userId").alias("userId"),
        "event",
        skus("properties").alias("skus"),
    )
    verdict = (
        sf.when(~sf.col("is_json"), NOT_JSON)
        .when(sf.col("event").isNull() | ~sf.col("event").isin(SUPPORTED_EVENTS), OTHER_EVENT)
        .when(sf.col("userId").isNull(), NO_USER)
        .when(sf.col("skus").isNull() | (sf.size("skus") == 0), NO_SKU)
        .when(sf.col("timestamp").isNull(), BAD_TIMESTAMP)
        .otherwise(KEPT)
    )
    kept = sf.col("verdict") == KEPT
    return read.withColumn("verdict", verdict).select(
        "verdict", *[sf.when(kept, sf.col(name)).alias(name) for name in read.columns[1:]]
    )


def unite(judged: DataFrame) -> DataFrame:
    """One row a message and one row a verdict, with the number of records behind it.

    Segment removes most duplicates, not all. Of the records with one messageId the least one
    stays (earliest timestamp first), so every run picks the same. Records that are not kept
    collapse into one row a verdict before the shuffle: counting them costs no second scan.
    """
    return judged.groupBy("verdict", "messageId", "nth").agg(
        sf.count("*").alias("records"),
        sf.min(sf.struct("timestamp", "userId", "event", "skus")).alias("interaction"),
    )


def count(united: DataFrame, counts: Observation) -> DataFrame:
    """The same rows; the observation holds the counts once they have been written."""
    kept = sf.col("verdict") == KEPT
    return united.observe(
        counts,
        *[
            sf.sum(sf.when(sf.col("verdict") == verdict, sf.col("records"))).alias(verdict)
            for verdict in (KEPT, *FILTERED, *REJECTED)
        ],
        sf.count_if(kept).alias("messages"),
        sf.sum(sf.when(kept, sf.size("interaction.skus"))).alias("rows"),
    )


def interactions(united: DataFrame) -> DataFrame:
    """The rows of the CSV, one for each SKU of a kept record, oldest first."""
    return (
        united.where(sf.col("verdict") == KEPT)
        .select("interaction.*")
        .select("userId", sf.explode("skus"), "event", "timestamp")
        .toDF("USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP")
        .sortWithinPartitions("TIMESTAMP", "USER_ID", "ITEM_ID", "EVENT_TYPE")
    )


def account(counts: dict[str, Any]) -> dict[str, Any]:
    """The counts by name: read = kept + duplicates + filtered + rejected; rows beside them."""
    counts = {name: number or 0 for name, number in counts.items()}
    return {
        "records_read": sum(counts[verdict] for verdict in (KEPT, *FILTERED, *REJECTED)),
        "kept": counts["messages"],
        "duplicates": counts[KEPT] - counts["messages"],
        "filtered": {reason: counts[reason] for reason in FILTERED},
        "rejected": {reason: counts[reason] for reason in REJECTED},
        "rows_written": counts["rows"],
    }


def table(accounting: dict[str, Any]) -> str:
    """The counts as lines of a table."""
    lines = []
    for name, value in accounting.items():
        reasons = value if isinstance(value, dict) else {"": value}
        for reason, number in reasons.items():
            lines.append(f"{name.replace('_', ' '):<14}{reason:<22}{number:>14,}")
    return "\n".join(lines)


def publish(fs: Any, path: Any, staging: str, output: str, run: str) -> None:
    """Move the finished files to the output folder, then remove those of earlier runs.

    fs and path are Hadoop's FileSystem of the output and its Path class, which know S3 and local
    files alike.
    """
    folder = path(output)
    fs.mkdirs(folder)
    written = sorted(file.getPath().getName() for file in fs.listStatus(path(staging)))
    parts = [name for name in written if name.startswith("part-")]
    for number, part in enumerate(parts):
        name = f"{run}-part-r-{number:05d}.csv"
        if not fs.rename(path(staging, part), path(folder, name)):
            raise OSError(f"could not move {staging}/{part} to {output}/{name}")
    for file in fs.listStatus(folder):
        name = file.getPath().getName()
        if name.startswith("run-") and not name.startswith(f"{run}-"):
            fs.delete(file.getPath(), False)


def transform(spark: SparkSession, input_path: str, output_path: str) -> dict[str, Any]:
    """Read the events, write the CSV and return the counts.

    Raises:
        ValueError: no record was kept. The CSV of the run before stays.
    """
    run = f"run-{time.time_ns() // 1_000_000}"
    output = output_path.rstrip("/")
    path = spark._jvm.org.apache.hadoop.fs.Path
    fs = path(output).getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    staging = f"{output}-staging/{run}"
    counts = Observation("counts")
    try:
        united = unite(judge(read_events(spark, input_path)))
        interactions(count(united, counts)).write.options(**WRITE_OPTIONS).csv(staging)
        accounting = account(counts.get)
        if accounting["kept"] == 0:
            raise ValueError(f"no record of {input_path} was kept: {json.dumps(accounting)}")
        publish(fs, path, staging, output, run)
    finally:
        # With what a run that was killed may have left there.
        fs.delete(path(f"{output}-staging"), True)
    return accounting


def main() -> None:
    """Run the job with the arguments that Glue passes."""
    names = ["JOB_NAME", "S3_JSON_INPUT_PATH", "S3_CSV_OUTPUT_PATH"]
    args = getResolvedOptions(sys.argv, names)
    glue_context = GlueContext(SparkContext.getOrCreate())
    job = Job(glue_context)
    job.init(args["JOB_NAME"], args)

    spark = glue_context.spark_session
    for name, value in SPARK_SETTINGS.items():
        spark.conf.set(name, value)
    accounting = transform(spark, args["S3_JSON_INPUT_PATH"], args["S3_CSV_OUTPUT_PATH"])
    print(table(accounting))
    print("ACCOUNTING", json.dumps(accounting))

    job.commit()


if __name__ == "__main__":
    main()
