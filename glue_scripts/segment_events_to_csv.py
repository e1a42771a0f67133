"""Glue job SegmentEventsJsonToCsv: Segment events in, the interactions CSV for Personalize out.

Input: every file below S3_JSON_INPUT_PATH, one JSON event a line, as Segment's S3 destinations
write them (gzipped or not). An event becomes an interaction when it has a userId, one of the
SUPPORTED_EVENTS, and a product: properties.sku or, when there is none, every
properties.products[].sku, which is where Segment's Order Completed carries them.

Output: run-<epoch milliseconds>-part-r-00000.csv, 00001 ... directly in S3_CSV_OUTPUT_PATH:

    USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP
    2abfa5cf,52c1-sku,Product Clicked,1466503245

The files are written to <output path>-staging/ and moved when all are complete; only then those of
the run before are removed, so a run that fails or is stopped leaves them as they were. Records
that are broken go to S3_REJECTED_PATH/run-<epoch milliseconds>/ with the reason, and
accounting.json beside them says what became of every record that was read.
"""

import gzip
import io
import json
import math
import sys
import time
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from py4j.protocol import Py4JJavaError
from pyspark import SparkContext, StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as sf

PATHS = ("S3_JSON_INPUT_PATH", "S3_CSV_OUTPUT_PATH", "S3_REJECTED_PATH")
OPTIONAL = {
    "SUPPORTED_EVENTS": "Product Clicked,Product Added,Order Completed",
    "START_DATE": "",  # the first and the last UTC day whose folders are read
    "END_DATE": "",
    "MAX_ROWS_PER_FILE": "10000000",
}
SPARK_SETTINGS = {
    # A gzipped file cannot be split: small partitions spread the files over all cores.
    "spark.sql.files.maxPartitionBytes": 8 * 1024 * 1024,
    "spark.sql.files.openCostInBytes": 1024 * 1024,
    # A timestamp without an offset is UTC.
    "spark.sql.session.timeZone": "UTC",
}
# Only the fields that the job needs: Spark skips the rest of each record without keeping it.
EVENT_SCHEMA = """
    messageId STRING,
    userId STRING,
    event STRING,
    timestamp STRING,
    properties STRUCT<sku: STRING, products: ARRAY<STRING>>,
    `end of line` BOOLEAN
"""
JSON = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
# YYYY-MM-DDThh:mm:ss, then 0 to 9 fraction digits, then Z, an offset or nothing. A cast alone
# would also take "T10:00" (today!) or "2024".
ISO_8601 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d(:?\d\d)?)?\z"
EARLIEST = 946_684_800  # 2000-01-01, in seconds since 1970
DAY = timedelta(days=1)
# More than 256 characters, control characters, or what stands for bytes that are not UTF-8.
UNUSABLE = r"(?s)[\x00-\x1F\x7F-\x9F\uFFFD]|.{257}"
# RFC 4180: a quote is doubled, and only values that need quotes get them. Spark would quote a
# leading "#" too, its mark of a comment, so the mark is a character that no identifier has.
CSV = {
    "header": "true",
    "escape": '"',
    "comment": "\x01",
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
}
ONLY_DATA = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}  # no _SUCCESS file

# What can become of a record. Filtered records are not for training; rejected ones are broken.
KEPT = "kept"
FILTERED = OTHER_EVENT, NO_USER, NO_SKU = "other event", "no userId", "no SKU"
NOT_JSON, TRUNCATED = "not JSON", "truncated gzip"
BAD_TIMESTAMP, BAD_IDENTIFIER = "unusable timestamp", "unusable identifier"
REJECTED = NOT_JSON, TRUNCATED, BAD_TIMESTAMP, BAD_IDENTIFIER


class Options(NamedTuple):
    """The job's arguments; START_DATE and END_DATE as epoch milliseconds, end exclusive."""

    input: str
    output: str
    rejected: str
    events: list[str]
    days: tuple[float, float] | None
    max_rows: int


def options_of(args: dict[str, str]) -> Options:
    """Check the arguments.

    Raises:
        ValueError: one of them cannot be used.
    """
    paths = {name: args[name].rstrip("/") for name in PATHS}
    staging = {"the staging folder": f"{paths['S3_CSV_OUTPUT_PATH']}-staging"}
    for name, path in paths.items():
        for other, other_path in (paths | staging).items():
            if other != name and f"{path}/".startswith(f"{other_path}/"):
                raise ValueError(f"{name} is in {other}: {path} in {other_path}")
    args = OPTIONAL | args
    events = [event.strip() for event in args["SUPPORTED_EVENTS"].split(",")]
    if not all(events):
        raise ValueError(f"SUPPORTED_EVENTS has an empty name: {args['SUPPORTED_EVENTS']!r}")
    start, end = midnight("START_DATE", args), midnight("END_DATE", args)
    if start and end and start > end:
        raise ValueError(f"START_DATE {args['START_DATE']} is after END_DATE {args['END_DATE']}")
    days = (
        start.timestamp() * 1000 if start else 0,
        (end + DAY).timestamp() * 1000 if end else math.inf,
    )
    if not args["MAX_ROWS_PER_FILE"].isdecimal() or int(args["MAX_ROWS_PER_FILE"]) == 0:
        raise ValueError(f"MAX_ROWS_PER_FILE is no number above 0: {args['MAX_ROWS_PER_FILE']!r}")
    return Options(
        *paths.values(), events, days if start or end else None, int(args["MAX_ROWS_PER_FILE"])
    )


def midnight(name: str, args: dict[str, str]) -> datetime | None:
    """The moment that an argument's UTC day begins; None without the argument."""
    if not args[name]:
        return None
    try:
        return datetime.strptime(args[name], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{name} is no day like 2019-02-26: {args[name]!r}") from None


def folders(fs: Any, path: Any, options: Options) -> list[str]:
    """The folders to read: all of the input, or <source>/<day> for the days asked for.

    Segment names the folder of a day by its midnight (UTC) in epoch milliseconds.

    Raises:
        ValueError: there is no folder of these days.
    """
    if options.days is None:
        return [options.input]
    first, end = options.days
    found = [
        day.getPath().toString()
        for source in fs.listStatus(path(options.input))
        if source.isDirectory() and source.getPath().getName()[0] not in "_."
        for day in fs.listStatus(source.getPath())
        if day.isDirectory() and day.getPath().getName().isdecimal()
        if first <= int(day.getPath().getName()) < end
    ]
    if not found:
        raise ValueError(f"START_DATE to END_DATE: {options.input} has no folder of these days")
    return found


def read_lines(spark: SparkSession, paths: list[str], broken: list[str]) -> DataFrame:
    """Every line (column text) of the files, and of broken gzip files what can be read."""
    reader = spark.read.option("recursiveFileLookup", "true")
    lines = reader.text(paths).withColumnRenamed("value", "text")
    if broken:
        is_broken = sf.col("_metadata.file_path").isin(broken)
        torn = reader.option("ignoreCorruptFiles", "true").text(paths)
        lines = lines.where(~is_broken).union(torn.where(is_broken))
    return lines


def breaks_off(content: bytes) -> bool:
    """Whether a gzipped file cannot be read to its end."""
    try:
        with gzip.open(io.BytesIO(content)) as file:
            while file.read(1024 * 1024):
                pass
    except (EOFError, OSError, zlib.error):
        return True
    return False


def broken_gzips(spark: SparkSession, paths: list[str]) -> list[str]:
    """The gzip files that cannot be read to their end: needed only when reading them failed."""
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    files = reader.option("pathGlobFilter", "*.gz").load(paths)
    contents = files.select("_metadata.file_path", "content").rdd
    return contents.filter(lambda file: breaks_off(file[1])).keys().collect()


def parse(lines: DataFrame) -> DataFrame:
    """The fields of EVENT_SCHEMA beside each line, and whether it is exactly one JSON object.

    Spark stops reading at the end of the first object, whatever comes after it. So the last brace
    makes room for one more field: only when the line's object goes to the end of the line, the
    field is the object's own.
    """
    ends_in_brace = sf.endswith("text", sf.lit("}"))
    trimmed = sf.regexp_replace("text", r"[ \t]+\z", "")
    line = sf.when(ends_in_brace, sf.col("text")).otherwise(trimmed).cast("binary")
    opened = sf.substring(line, sf.lit(1), sf.octet_length(line) - 1).cast("string")
    longer = sf.concat(opened, sf.lit(',"end of line":true}'))
    ends_well = sf.endswith(line, sf.lit(b"}")) & sf.col("event.`end of line`").isNotNull()
    is_json = ends_well | sf.col("text").rlike(r"^[ \t]*\{[ \t]*\}[ \t]*\z")
    return (
        lines.select("text", sf.from_json(longer, EVENT_SCHEMA, JSON).alias("event"))
        .select("text", "event.*", sf.coalesce(is_json, sf.lit(False)).alias("is_json"))
        .where(sf.col("is_json") | ~sf.col("text").rlike(r"^[ \t]*\z"))
    )


def identifier(value: Column | str) -> Column:
    """The text without blanks around it; null when it is empty, an object or an array."""
    text = sf.trim(value)
    return sf.when(~text.rlike(r"^([{\[]|\z)"), text)


def skus() -> Column:
    """The SKUs of an event: its own or, when it has none, those of its products."""
    sku = identifier("properties.sku")
    objects = sf.transform(
        "properties.products", lambda each: sf.from_json(each, "sku STRING", JSON)
    )
    products = sf.transform(objects, lambda each: identifier(each["sku"]))
    return sf.when(sku.isNotNull(), sf.array(sku)).otherwise(
        sf.coalesce(sf.filter(products, lambda each: each.isNotNull()), sf.array())
    )


def judge(records: DataFrame, supported: list[str], latest: int) -> DataFrame:
    """Say of every record what becomes of it, in the column verdict.

    Only a kept record has an interaction, only a rejected one its text and file. A number of its
    own, nth, keeps apart records that have no messageId.
    """
    for_training = (
        sf.col("is_json") & sf.col("event").isin(supported) & sf.col("userId").isNotNull()
    )
    seconds = sf.when(
        sf.col("timestamp").rlike(ISO_8601), sf.unix_seconds(sf.try_to_timestamp("timestamp"))
    )
    read = records.withColumns(
        {"userId": identifier("userId"), "messageId": identifier("messageId")}
    )
    read = read.withColumns(
        {"skus": sf.when(for_training, skus()), "seconds": sf.when(for_training, seconds)}
    )
    unusable = sf.exists(
        sf.array_append("skus", sf.col("userId")), lambda each: each.rlike(UNUSABLE)
    )
    in_time = sf.coalesce(sf.col("seconds").between(EARLIEST, latest), sf.lit(False))
    verdict = (
        sf.when(~sf.col("is_json"), NOT_JSON)
        .when(sf.col("event").isNull() | ~sf.col("event").isin(supported), OTHER_EVENT)
        .when(sf.col("userId").isNull(), NO_USER)
        .when(sf.size("skus") == 0, NO_SKU)
        .when(~in_time, BAD_TIMESTAMP)
        .when(unusable, BAD_IDENTIFIER)
        .otherwise(KEPT)
    )
    kept, rejected = sf.col("verdict") == KEPT, sf.col("verdict").isin(*REJECTED)
    alone = rejected | (kept & sf.col("messageId").isNull())
    return read.withColumn("verdict", verdict).select(
        "verdict",
        sf.when(kept, sf.col("messageId")).alias("messageId"),
        sf.when(alone, sf.monotonically_increasing_id()).alias("nth"),
        sf.when(kept, sf.struct("seconds", "userId", "event", "skus")).alias("interaction"),
        sf.when(rejected, sf.input_file_name()).alias("file"),
        sf.when(rejected, sf.col("text")).alias("text"),
    )


def unite(judged: DataFrame) -> DataFrame:
    """Equal records in one row, with their number; of those with one messageId, which is first.

    Segment removes most duplicates, not all. Of the records with one messageId the least one is
    first (earliest timestamp before all), so every run picks the same. Filtered records collapse
    into one row a reason before the shuffle: counting them costs no second scan.
    """
    message = Window.partitionBy("verdict", "messageId", "nth").orderBy("interaction")
    equal = judged.groupBy(*judged.columns).agg(sf.count("*").alias("records"))
    return equal.withColumn("first", sf.row_number().over(message) == 1)


def account(united: DataFrame) -> dict[str, Any]:
    """The counts by name: read = kept + duplicates + filtered + rejected; rows beside them."""
    first = sf.col("first")
    counts = united.groupBy("verdict").agg(
        sf.sum("records"), sf.count_if(first), sf.sum(sf.when(first, sf.size("interaction.skus")))
    )
    of = {verdict: numbers for verdict, *numbers in counts.collect()}
    records, messages, rows = of.get(KEPT, (0, 0, 0))
    return {
        "records_read": sum(numbers[0] for numbers in of.values()),
        "kept": messages,
        "duplicates": records - messages,
        "filtered": {reason: of.get(reason, [0])[0] for reason in FILTERED},
        "rejected": {reason: of.get(reason, [0])[0] for reason in REJECTED},
        "rows_written": rows,
    }


def table(accounting: dict[str, Any]) -> str:
    """The counts as lines of a table."""
    lines = []
    for name, value in accounting.items():
        reasons = value if isinstance(value, dict) else {"": value}
        for reason, number in reasons.items():
            lines.append(f"{name.replace('_', ' '):<14}{reason:<22}{number:>14,}")
    return "\n".join(lines)


def write_csv(united: DataFrame, folder: str, rows: int, max_rows: int) -> None:
    """Write the kept interactions, a row for each SKU, oldest first over all files."""
    columns = ("TIMESTAMP", "USER_ID", "ITEM_ID", "EVENT_TYPE")
    interactions = (
        united.where((sf.col("verdict") == KEPT) & sf.col("first"))
        .select("interaction.*")
        .select("userId", sf.explode("skus"), "event", "seconds")
        .toDF("USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP")
        .repartitionByRange(math.ceil(rows / max_rows), *columns)
        .sortWithinPartitions(*columns)
    )
    interactions.write.options(**CSV, **ONLY_DATA, maxRecordsPerFile=max_rows).csv(folder)


def write_rejected(
    fs: Any, path: Any, united: DataFrame, accounting: dict[str, Any], folder: str
) -> None:
    """Write the rejected records and the accounting."""
    rejected = united.where(sf.col("verdict").isin(*REJECTED))
    rejected = rejected.select(sf.col("verdict").alias("reason"), "file", "text")
    if sum(accounting["rejected"].values()):
        rejected.write.options(**ONLY_DATA, ignoreNullFields="false").json(folder)
    file = fs.create(path(folder, "accounting.json"))
    file.write(json.dumps(accounting, indent=2).encode())
    file.close()


def move(fs: Any, source: Any, target: Any) -> None:
    """Rename a file or a folder.

    Raises:
        OSError: it is where it was.
    """
    if not fs.rename(source, target):
        raise OSError(f"could not move {source} to {target}")


def publish(fs: Any, path: Any, staging: str, output: str, run: str) -> None:
    """Move the finished files to the output folder, then remove those of earlier runs."""
    folder = path(output)
    fs.mkdirs(folder)
    parts = sorted((file.getPath() for file in fs.listStatus(path(staging))), key=str)
    for number, part in enumerate(parts):
        move(fs, part, path(folder, f"{run}-part-r-{number:05d}.csv"))
    for file in fs.listStatus(folder):
        name = file.getPath().getName()
        if name.startswith("run-") and not name.startswith(f"{run}-"):
            fs.delete(file.getPath(), False)


def transform(spark: SparkSession, options: Options) -> dict[str, Any]:
    """Read the events, write the CSV and what was rejected, and return the counts.

    Raises:
        ValueError: no record was kept. The CSV of the run before stays.
    """
    started = time.time_ns()
    run = f"run-{started // 1_000_000}"
    latest = started // 1_000_000_000 + int(DAY.total_seconds())
    staging = f"{options.output}-staging"
    path = spark._jvm.org.apache.hadoop.fs.Path
    fs = path(options.output).getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    paths = folders(fs, path, options)

    def unite_all(broken: list[str]) -> DataFrame:
        lines = read_lines(spark, paths, broken)
        # The shuffle is far smaller than the input, and Spark joins partitions that are small.
        spark.conf.set("spark.sql.shuffle.partitions", lines.rdd.getNumPartitions() // 4 + 1)
        judged = judge(parse(lines), options.events, latest)
        if broken:
            torn = [(TRUNCATED, None, -nth, None, file, None) for nth, file in enumerate(broken, 1)]
            judged = judged.union(spark.createDataFrame(torn, judged.schema))
        return unite(judged).persist(StorageLevel.DISK_ONLY)

    united = unite_all([])
    try:
        try:
            accounting = account(united)
        except (PySparkException, Py4JJavaError):
            broken = broken_gzips(spark, paths)
            if not broken:
                raise
            print(f"Reading again: {len(broken)} gzip files break off, {broken[0]} for one")
            united = unite_all(broken)
            accounting = account(united)
        write_rejected(fs, path, united, accounting, f"{staging}/rejected")
        fs.mkdirs(path(options.rejected))
        move(fs, path(staging, "rejected"), path(options.rejected, run))
        if accounting["kept"] == 0:
            raise ValueError(f"no record of {options.input} was kept: {json.dumps(accounting)}")
        write_csv(united, f"{staging}/csv", accounting["rows_written"], options.max_rows)
        publish(fs, path, f"{staging}/csv", options.output, run)
    finally:
        united.unpersist()
        fs.delete(path(staging), True)
    return accounting


def main() -> None:
    """Run the job with the arguments that Glue passes."""
    given = {argument.partition("=")[0].removeprefix("--") for argument in sys.argv}
    names = ["JOB_NAME", *PATHS, *(name for name in OPTIONAL if name in given)]
    args = getResolvedOptions(sys.argv, names)
    options = options_of(args)
    glue_context = GlueContext(SparkContext.getOrCreate())
    job = Job(glue_context)
    job.init(args["JOB_NAME"], args)

    spark = glue_context.spark_session
    for name, value in SPARK_SETTINGS.items():
        spark.conf.set(name, value)
    accounting = transform(spark, options)
    print(table(accounting))
    print("ACCOUNTING", json.dumps(accounting))

    job.commit()


if __name__ == "__main__":
    main()
