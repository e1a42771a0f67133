"""Glue job SegmentEventsJsonToCsv: Segment events in, the interactions CSV for Personalize out.

Input: every file below S3_JSON_INPUT_PATH, gzipped or not, one JSON event a line. An event becomes
an interaction when it has a userId, one of the SUPPORTED_EVENTS, and a product: properties.sku or,
when there is none, every properties.products[].sku, where Segment's Order Completed has them.

Output: run-<epoch milliseconds>-part-r-00000.csv, 00001 ... directly in S3_CSV_OUTPUT_PATH:

    USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP
    2abfa5cf,52c1-sku,Product Clicked,1466503245

They are moved there when all are complete, and only then replace those of the run before. Broken
records go to a folder in S3_REJECTED_PATH, where accounting.json says what became of all records.
"""

import gzip
import io
import json
import math
import re
import sys
import time
import zlib
from contextlib import closing, suppress
from datetime import datetime
from itertools import permutations
from typing import Any

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
    "START_DATE": "1970-01-01",  # the first and the last UTC day to read
    "END_DATE": "9999-12-31",
    "MAX_ROWS_PER_FILE": "10000000",
}
SPARK_SETTINGS = {
    # Gzipped files cannot be split: small partitions spread them over all cores.
    "spark.sql.files.maxPartitionBytes": 8 * 2**20,
    "spark.sql.files.openCostInBytes": 2**20,
    "spark.sql.session.timeZone": "UTC",  # of a timestamp without an offset
}
EVENT_SCHEMA = """messageId STRING, userId STRING, event STRING, timestamp STRING,
    properties STRUCT<sku: STRING, products: ARRAY<STRING>>, `end of line` BOOLEAN,
    _corrupt_record STRING"""
JSON = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
# A cast to a timestamp would also take "T10:00" (today!) or "2024".
ISO_8601 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d(:?\d\d)?)?\z"
EARLIEST, A_DAY = 946_684_800, 86_400  # 2000-01-01 in seconds since 1970; seconds
# Control characters, what stands for bytes that are not UTF-8, more than 256 characters.
UNUSABLE = r"(?s)[\x00-\x1F\x7F-\x9F\uFFFD]|.{257}"
# RFC 4180: a quote is doubled. Spark would quote a leading "#", its mark of a comment, too.
CSV = {"header": "true", "escape": '"', "comment": "\x01"}
CSV |= dict.fromkeys(("ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace"), "false")
ONLY_DATA = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}  # no _SUCCESS file

# What can become of a record. Filtered records are not for training; rejected ones are broken.
KEPT = "kept"
FILTERED = OTHER_EVENT, NO_USER, NO_SKU = "other event", "no userId", "no SKU"
REJECTED = "not JSON", "truncated gzip", "unusable timestamp", "unusable identifier"
NOT_JSON, TRUNCATED, BAD_TIMESTAMP, BAD_IDENTIFIER = REJECTED


def check(args: dict[str, str]) -> None:
    """Raise a ValueError for an argument that cannot be used."""
    paths = {name: args[name] for name in PATHS}
    for name, path in paths.items():
        if not re.fullmatch(r"(\w+://[^/]*)?/.+", path):
            raise ValueError(f"{name} is no folder like s3://bucket/folder: {path!r}")
    paths["the staging folder"] = f"{paths['S3_CSV_OUTPUT_PATH']}-staging"
    for name, other in permutations(paths, 2):
        if f"{paths[name]}/".startswith(f"{paths[other]}/"):
            raise ValueError(f"{name} is in {other}: {paths[name]} in {paths[other]}")
    if not all(event.strip() for event in args["SUPPORTED_EVENTS"].split(",")):
        raise ValueError(f"SUPPORTED_EVENTS has an empty name: {args['SUPPORTED_EVENTS']!r}")
    if midnight("START_DATE", args) > midnight("END_DATE", args):
        raise ValueError(f"START_DATE {args['START_DATE']} is after END_DATE {args['END_DATE']}")
    if not re.fullmatch("[1-9][0-9]{0,8}", args["MAX_ROWS_PER_FILE"]):
        raise ValueError(f"MAX_ROWS_PER_FILE is not 1 to 999999999: {args['MAX_ROWS_PER_FILE']!r}")


def midnight(name: str, args: dict[str, str]) -> float:
    """The epoch milliseconds of a UTC day's midnight, by which Segment names its folder."""
    with suppress(ValueError):
        day = datetime.strptime(f"{args[name]} +0000", "%Y-%m-%d %z")
        if f"{day:%Y-%m-%d}" == args[name]:
            return day.timestamp() * 1000
    raise ValueError(f"{name} is no day like 2019-02-26: {args[name]!r}")


def folders(fs: Any, path: Any, args: dict[str, str]) -> list[str]:
    """The folders to read: the input or, for some days, its <source>/<day as epoch ms>."""
    source = args["S3_JSON_INPUT_PATH"]
    if all(args[name] == OPTIONAL[name] for name in ("START_DATE", "END_DATE")):
        return [source]
    first, end = midnight("START_DATE", args), midnight("END_DATE", args) + 1000 * A_DAY
    days = [day.getPath() for day in fs.globStatus(path(f"{source}/[^._]*/*")) or ()]
    named = [(day.getName(), str(day)) for day in days]
    return [day for name, day in named if name.isdecimal() and first <= int(name) < end]


def read_lines(spark: SparkSession, paths: list[str], broken: list[str]) -> DataFrame:
    """Every line (column value) of the files, and of broken gzip files what can be read."""
    if not paths:
        return spark.createDataFrame([], "value STRING")
    reader = spark.read.option("recursiveFileLookup", "true")
    lines = reader.text(paths)
    if broken:
        is_broken = sf.col("_metadata.file_path").isin(broken)
        torn = reader.option("ignoreCorruptFiles", "true").text(paths)
        lines = lines.where(~is_broken).union(torn.where(is_broken))
    return lines


def broken_gzips(spark: SparkSession, paths: list[str]) -> list[str]:
    """The gzip files that break off: looked for only when reading has failed."""

    def breaks_off(content: bytes) -> bool:
        with suppress(EOFError, OSError, zlib.error), gzip.open(io.BytesIO(content)) as lines:
            return any(line is None for line in lines)  # none is, but all are read
        return True

    options = {"recursiveFileLookup": "true", "pathGlobFilter": "*.gz"}
    files = spark.read.format("binaryFile").options(**options).load(paths)
    contents = files.select("_metadata.file_path", "content").rdd
    return contents.filter(lambda file: breaks_off(file[1])).keys().collect()


def parse(lines: DataFrame) -> DataFrame:
    """The fields of EVENT_SCHEMA beside each line, and whether it is exactly one JSON object.

    Spark stops reading at the end of the first object, whatever comes after it. So one more field
    is put before the line's last brace: only an object that ends there gets it.
    """
    line = sf.when(sf.endswith("value", sf.lit("}")), sf.col("value"))
    line = line.otherwise(sf.expr(r"TRIM(TRAILING ' \t' FROM value)"))
    opened = sf.substring(line.cast("binary"), sf.lit(1), sf.octet_length(line) - 1)
    longer = sf.concat(opened.cast("string"), sf.lit(',"end of line":true}'))
    longer = sf.when(line.endswith("}"), longer)
    event = sf.from_json(longer, EVENT_SCHEMA, JSON)
    # Spark reads on after an error in a field: is the value of another type, or is it no JSON?
    strict = sf.from_json(longer, "`end of line` BOOLEAN", JSON)["end of line"]
    sound = sf.isnull("_corrupt_record") | sf.isnotnull(strict)
    is_empty = sf.col("value").rlike(r"^[ \t]*\{[ \t]*\}[ \t]*\z")
    records = lines.select("value", event.alias("event")).select("value", "event.*")
    return records.withColumn("is_json", (sf.isnotnull("end of line") & sound) | is_empty)


def identifier(value: Column | str) -> Column:
    """The text without blanks around it; null when it is empty, an object or an array."""
    text = sf.trim(value)
    nested = text.rlike(r"^[{\[]") & sf.isnotnull(sf.get_json_object(text, "$"))
    return sf.when(~nested & (text != ""), text)


def skus() -> Column:
    """The SKUs of an event: its own or, when it has none, those of its products."""
    own = identifier("properties.sku")
    objects = sf.transform("properties.products", lambda one: sf.from_json(one, "sku STRING", JSON))
    found = sf.filter(sf.transform(objects, lambda one: identifier(one["sku"])), sf.isnotnull)
    return sf.when(own.isNotNull(), sf.array(own)).otherwise(sf.coalesce(found, sf.array()))


def judge(records: DataFrame, supported: list[str], latest: int) -> DataFrame:
    """Say of every record what becomes of it; nth keeps apart those without a messageId."""
    is_iso = sf.col("timestamp").rlike(ISO_8601)
    seconds = sf.when(is_iso, sf.unix_seconds(sf.try_to_timestamp("timestamp")))
    other = sf.col("event").isNull() | ~sf.col("event").isin(supported)
    read = records.select(
        "value",
        "is_json",
        other.alias("other"),
        sf.when(~other, identifier("messageId")).alias("messageId"),
        sf.when(~other, seconds).alias("seconds"),
        sf.when(~other, identifier("userId")).alias("userId"),
        "event",
        sf.when(~other, skus()).alias("skus"),
    )
    # A blank line is no record. It is not filtered out: for a filter Spark would parse lines twice.
    blank = sf.col("value").rlike(r"^[ \t]*\z")
    in_time = sf.coalesce(sf.col("seconds").between(EARLIEST, latest), sf.lit(False))
    identifiers = sf.array_append("skus", sf.col("userId"))
    verdict = (
        sf.when(~sf.col("is_json") & blank, None)
        .when(~sf.col("is_json"), NOT_JSON)
        .when(sf.col("other"), OTHER_EVENT)
        .when(sf.isnull("userId"), NO_USER)
        .when(sf.size("skus") == 0, NO_SKU)
        .when(~in_time, BAD_TIMESTAMP)
        .when(sf.exists(identifiers, lambda one: one.rlike(UNUSABLE)), BAD_IDENTIFIER)
        .otherwise(KEPT)
    )
    kept, rejected = sf.col("verdict") == KEPT, sf.col("verdict").isin(*REJECTED)
    alone = rejected | (kept & sf.isnull("messageId"))
    return read.withColumn("verdict", verdict).select(
        "verdict",
        sf.when(kept, sf.col("messageId")).alias("messageId"),
        sf.when(alone, sf.monotonically_increasing_id()).alias("nth"),
        sf.when(kept, sf.struct("seconds", "userId", "event", "skus")).alias("interaction"),
        sf.when(rejected, sf.input_file_name()).alias("file"),
        sf.when(rejected, sf.col("value")).alias("text"),
    )


def unite(judged: DataFrame) -> DataFrame:
    """Put equal records in one row, with their number, and say which of a messageId is first.

    Filtered records become one row a reason here: counting them costs no second scan.
    """
    message = Window.partitionBy("verdict", "messageId", "nth").orderBy("interaction")
    equal = judged.groupBy(*judged.columns).agg(sf.count("*").alias("records"))
    return equal.withColumn("first", sf.row_number().over(message) == 1)


def account(united: DataFrame) -> dict[str, Any]:
    """The counts by name: read = kept + duplicates + filtered + rejected; rows beside them."""
    skus = sf.when(sf.col("first"), sf.size("interaction.skus"))
    rows = united.groupBy("verdict").agg(sf.sum("records"), sf.count_if("first"), sf.sum(skus))
    counts = {verdict: numbers for verdict, *numbers in rows.collect() if verdict}
    records = {verdict: numbers[0] for verdict, numbers in counts.items()}
    kept, messages, rows_written = counts.get(KEPT, (0, 0, 0))
    return {
        "records_read": sum(records.values()),
        "kept": messages,
        "duplicates": kept - messages,
        "filtered": {reason: records.get(reason, 0) for reason in FILTERED},
        "rejected": {reason: records.get(reason, 0) for reason in REJECTED},
        "rows_written": rows_written,
    }


def show(accounting: dict[str, Any]) -> None:
    """Print each count on a line, for CloudWatch too, and all as JSON."""
    for name, value in accounting.items():
        for reason, records in (value if isinstance(value, dict) else {"in all": value}).items():
            print(name, records, reason)
    print("ACCOUNTING", json.dumps(accounting))


def write_csv(united: DataFrame, folder: str, rows: int, max_rows: int) -> None:
    """Write the kept interactions, a row for each SKU, oldest first over all files."""
    columns = ("TIMESTAMP", "USER_ID", "ITEM_ID", "EVENT_TYPE")
    (
        united.where((sf.col("verdict") == KEPT) & sf.col("first"))
        .select("interaction.*")
        .select("userId", sf.explode("skus"), "event", "seconds")
        .toDF("USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP")
        .repartitionByRange(math.ceil(rows / max_rows), *columns)
        .sortWithinPartitions(*columns)
        .write.options(**CSV, **ONLY_DATA, maxRecordsPerFile=max_rows)
        .csv(folder)
    )


def write_rejected(united: DataFrame, folder: str) -> None:
    """Write the rejected records as JSON lines: reason, file, text."""
    records = united.where(sf.col("verdict").isin(*REJECTED))
    records = records.select(sf.col("verdict").alias("reason"), "file", "text")
    records.write.options(**ONLY_DATA, ignoreNullFields="false").json(folder)


def publish(fs: Any, path: Any, staging: str, output: str, run: str) -> None:
    """Move the finished files to the output folder, then remove those of earlier runs."""
    fs.mkdirs(path(output))
    parts = sorted((file.getPath() for file in fs.listStatus(path(staging))), key=str)
    new = [path(output, f"{run}-part-r-{number:05d}.csv") for number in range(len(parts))]
    moved = False
    try:
        moved = all(map(fs.rename, parts, new))
    finally:  # what could not be moved in full is not there at all
        for file in fs.listStatus(path(output)):
            name = file.getPath().getName()
            if re.fullmatch(r"run-\d+-part-r-\d+\.csv", name) and moved != (run in name):
                fs.delete(file.getPath(), False)
    if not moved:
        raise OSError(f"could not move {staging}/* to {output}")


def transform(spark: SparkSession, args: dict[str, str]) -> None:
    """Read the events, write the CSV, what was rejected, and the accounting."""
    started = time.time_ns()
    run = f"run-{started // 1_000_000}"
    print("started 1", run)
    supported = [event.strip() for event in args["SUPPORTED_EVENTS"].split(",")]
    output, rejected = args["S3_CSV_OUTPUT_PATH"], f"{args['S3_REJECTED_PATH']}/{run}"
    staging, max_rows = f"{output}-staging", int(args["MAX_ROWS_PER_FILE"])
    path = spark._jvm.org.apache.hadoop.fs.Path
    conf = spark._jsparkSession.sessionState().newHadoopConf()
    input_fs, fs, rejected_fs = (path(args[name]).getFileSystem(conf) for name in PATHS)
    paths = folders(input_fs, path, args)

    def read(broken: list[str]) -> DataFrame:
        lines = read_lines(spark, paths, broken)
        spark.conf.set("spark.sql.shuffle.partitions", lines.rdd.getNumPartitions() // 4 + 1)
        judged = judge(parse(lines), supported, started // 1_000_000_000 + A_DAY)
        if broken:
            torn = [(TRUNCATED, None, -nth, None, file, None) for nth, file in enumerate(broken, 1)]
            judged = judged.union(spark.createDataFrame(torn, judged.schema))
        return unite(judged).persist(StorageLevel.DISK_ONLY)

    united = read([])
    try:
        try:
            accounting = account(united)
        except (PySparkException, Py4JJavaError):
            broken = broken_gzips(spark, paths)
            if not broken:
                raise
            print(f"Reading again: {len(broken)} gzip files break off")
            united = read(broken)
            accounting = account(united)
        if any(accounting["rejected"].values()):
            write_rejected(united, rejected)
        with closing(rejected_fs.create(path(rejected, "accounting.json"))) as file:
            file.write(json.dumps(accounting, indent=2).encode())
        show(accounting)
        if accounting["kept"] == 0:
            raise ValueError(f"no record was kept: {json.dumps(accounting)}")
        write_csv(united, f"{staging}/{run}", accounting["rows_written"], max_rows)
        publish(fs, path, f"{staging}/{run}", output, run)
        print("seconds", (time.time_ns() - started) // 1_000_000_000, "in all")
    finally:
        united.unpersist()
        fs.delete(path(staging), True)


def main() -> None:
    """Run the job with the arguments that Glue passes."""
    given = {argument.partition("=")[0] for argument in sys.argv}
    names = ["JOB_NAME", *PATHS, *(name for name in OPTIONAL if f"--{name}" in given)]
    args = OPTIONAL | getResolvedOptions(sys.argv, names)
    args |= {name: args[name].rstrip("/") for name in PATHS}
    check(args)
    glue_context = GlueContext(SparkContext.getOrCreate())
    job = Job(glue_context)
    job.init(args["JOB_NAME"], args)
    for name, value in SPARK_SETTINGS.items():
        glue_context.spark_session.conf.set(name, value)
    transform(glue_context.spark_session, args)
    job.commit()


if __name__ == "__main__":
    main()
