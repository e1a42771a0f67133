"""Who runs: the job, the approach it replaces, two other engines, and three floors.

Each module here has a function `transform(input_folder, output, *arguments)` that does the work
once. It may be called again in the same process, and then replaces what it wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CORES = 2


@dataclass(frozen=True)
class Contestant:
    """One way to do the work, in a process of its own.

    Attributes:
        name: how results refer to it.
        title: how tables show it.
        module: the module in this package that does the work.
        spark: whether it runs on Spark, as Glue scripts do.
        compared: whether its rows must be those of the other compared ones.
        repetitions: how often it does the work in one process to show its steady state, at most.
        arguments: more arguments of `transform`.
        settings: Spark's settings for it.
    """

    name: str
    title: str
    module: str
    spark: bool = False
    compared: bool = False
    repetitions: int = 100
    arguments: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=lambda: {"spark.master": f"local[{CORES}]"})


JOB = Contestant("job", "The job", "job", spark=True, compared=True)
PUBLISHED = Contestant("published", "Published approach", "published", spark=True, repetitions=2)
DUCKDB = Contestant("duckdb", "DuckDB", "with_duckdb", compared=True)
POLARS = Contestant("polars", "Polars", "with_polars", compared=True)
GUNZIP = Contestant("gunzip", f"Floor: gunzip, {CORES} processes", "gunzip")
LINES = Contestant("lines", "Floor: Spark's line count", "spark_lines", spark=True)
SPARK_JSON = Contestant("json", "Floor: Spark's JSON source", "spark_json", spark=True)
CONTESTANTS = (JOB, PUBLISHED, DUCKDB, POLARS, GUNZIP, LINES, SPARK_JSON)
