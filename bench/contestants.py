"""Who runs: the job, the approach it replaces, DuckDB, two floors, and variants of the job.

Each has a function `(input_folder, output, *arguments)` that does the work once. Run as a script,
`contestants.py NAME INPUT OUTPUT REPETITIONS [ARGUMENT ...]`, this does a contestant's work several
times, and prints a line `SECONDS <seconds>` for each.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

CORES = 2
PROJECT = Path(__file__).parents[1]
# As in the job: gzipped files cannot be split, so small partitions spread them over all cores.
PARTITION_BYTES = 8 * 1024 * 1024
FIELDS = """messageId STRING, userId STRING, event STRING, timestamp STRING,
    properties STRUCT<sku: STRING, products: ARRAY<STRUCT<sku: STRING>>>"""


def job(input_folder: Path, output: Path, *more: str) -> None:
    """Run the job's own script; settings of this process's Spark win over those that it makes."""
    from pyspark import SparkContext  # noqa: PLC0415 - only the Spark contestants have it

    sys.path.insert(0, str(PROJECT / "glue_scripts"))
    script, helper = map(import_module, ("segment_events_to_csv", "segment_io"))
    given = SparkContext.getOrCreate().getConf()
    settings = helper.SPARK_SETTINGS
    settings.update({name: given.get(name) for name in settings if given.contains(name)})
    sys.argv = [
        "segment_events_to_csv.py",
        *("--JOB_NAME", "bench"),
        *("--S3_JSON_INPUT_PATH", str(input_folder)),
        *("--S3_CSV_OUTPUT_PATH", str(output / "transformed")),
        *("--S3_REJECTED_PATH", str(output / "rejected")),
        *more,
    ]
    script.main()


def published(input_folder: Path, output: Path) -> None:
    """Do as the job of the published workshop does, on the same Spark.

    That is a schema inferred from the data, a filter in Python row by row (Glue's `Filter`, which
    sends every record through a Python process), records counted after each step, one partition at
    the end. It drops orders of several products, and keeps duplicates.
    """
    from pyspark.sql import functions as sf  # noqa: PLC0415 - as above

    supported_events = ["Product Added", "Order Completed", "Product Clicked"]

    def is_interaction(event: "Row") -> bool:  # local, so that it travels to the Python processes
        return (
            event["userId"] is not None
            and event["properties"] is not None
            and event["properties"]["sku"] is not None
            and event["event"] in supported_events
        )

    spark = _spark()
    events = spark.read.option("recursiveFileLookup", value=True).json(input_folder.as_uri())
    counts = [events.count()]
    interactions = spark.createDataFrame(
        events.rdd.filter(is_interaction), events.schema, verifySchema=False
    )
    counts.append(interactions.count())
    one_partition = interactions.select(
        sf.col("userId").alias("USER_ID"),
        sf.col("properties.sku").alias("ITEM_ID"),
        sf.col("event").alias("EVENT_TYPE"),
        sf.unix_timestamp("timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").alias("TIMESTAMP"),
    ).repartition(1)
    counts.append(one_partition.count())
    one_partition.write.mode("overwrite").csv((output / "csv").as_uri(), header=True)
    print("read, filtered, written:", *counts)  # noqa: T201 - as the published job does


def duckdb(input_folder: Path, output: Path) -> None:
    """Do the job's transformation in DuckDB; its statement is in interactions.sql."""
    import duckdb as engine  # noqa: PLC0415 - only this contestant has it

    statement = Path(__file__).with_name("interactions.sql").read_text("utf-8")
    with engine.connect(config={"threads": CORES, "preserve_insertion_order": False}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET VARIABLE input = ?", [f"{input_folder}/**/*.gz"])
        database.execute("SET VARIABLE output = ?", [str(output / "interactions.csv")])
        database.execute(statement)


def lines(input_folder: Path, _output: Path) -> None:
    """Count the lines of all logs."""
    count = _reader().text(input_folder.as_uri()).count()
    print(count, "lines")  # noqa: T201 - the count is what it is asked for


def json(input_folder: Path, _output: Path) -> None:
    """Parse all logs into FIELDS."""
    reader = _reader().schema(FIELDS)
    # A count would make Spark leave out the fields; this format takes and drops them all.
    reader.json(input_folder.as_uri()).write.format("noop").mode("overwrite").save()


def _spark() -> "SparkSession":
    from pyspark.sql import SparkSession  # noqa: PLC0415 - as above

    return SparkSession.builder.getOrCreate()


def _reader() -> Any:  # noqa: ANN401 - a DataFrameReader
    spark = _spark()
    spark.conf.set("spark.sql.files.maxPartitionBytes", PARTITION_BYTES)
    return spark.read.option("recursiveFileLookup", value=True)


@dataclass(frozen=True)
class Contestant:
    """One way to do the work, in a process of its own.

    Attributes:
        title: how tables show it.
        transform: the function that does the work.
        compared: whether its rows must be those of the other compared ones.
        repetitions: how often it does the work in one process to show its steady state, at most.
        arguments: more arguments of `transform`.
        settings: Spark's settings for it.
        files: into how many files its input is regrouped; None leaves the logs as they are.
    """

    title: str
    transform: Callable[..., None]
    compared: bool = False
    repetitions: int = 100
    arguments: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    files: int | None = None


_JOB = Contestant("The job", job, compared=True)
CONTESTANTS = {
    "job": _JOB,
    "published": Contestant("Published approach", published, repetitions=2),
    "duckdb": Contestant("DuckDB", duckdb, compared=True),
    "lines": Contestant("Floor: Spark's line count", lines),
    "json": Contestant("Floor: Spark's JSON source", json),
}
_DAY = ("--START_DATE", "2025-06-15", "--END_DATE", "2025-06-15")
VARIANTS = {
    "as-it-is": replace(_JOB, title="As it is: 2 cores, partitions of 8 MB, all days"),
    "one-core": replace(_JOB, title="1 core", settings={"spark.master": "local[1]"}),
    "large-partitions": replace(
        _JOB,
        title="Partitions of 128 MB",
        settings={"spark.sql.files.maxPartitionBytes": str(128 * 1024 * 1024)},
    ),
    # The only one that writes other rows.
    "one-day": replace(_JOB, title="One day of 30", arguments=_DAY, compared=False),
    "small-outputs": replace(
        _JOB, title="100,000 rows per file", arguments=("--MAX_ROWS_PER_FILE", "100000")
    ),
    "few-files": replace(_JOB, title="The same data in 100 files", files=100),
    "many-files": replace(_JOB, title="The same data in 10,000 files", files=10_000),
    "small-heap": replace(
        _JOB, title="A heap of 768 MB, not 2 GB", settings={"spark.driver.memory": "768m"}
    ),
}


def main() -> None:
    """Run the contestant that the command line names."""
    name, input_folder, output, repetitions, *arguments = sys.argv[1:]
    contestant = (CONTESTANTS | VARIANTS)[name]
    for _ in range(int(repetitions)):
        start = time.perf_counter()
        contestant.transform(Path(input_folder), Path(output), *arguments)
        print("SECONDS", time.perf_counter() - start, flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    sys.path[0] = str(PROJECT)  # this is a script of a package
    main()
