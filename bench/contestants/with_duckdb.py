"""The job's transformation in DuckDB; its statement is in interactions.sql."""

from pathlib import Path

import duckdb

from bench.contestants import CORES

STATEMENT = Path(__file__).with_name("interactions.sql").read_text("utf-8")


def transform(input_folder: Path, output: Path) -> None:
    """Write the interactions of all logs below the input folder to one CSV in the output folder."""
    with duckdb.connect(config={"threads": CORES, "preserve_insertion_order": False}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET VARIABLE input = ?", [f"{input_folder}/**/*.gz"])
        database.execute("SET VARIABLE output = ?", [str(output / "interactions.csv")])
        database.execute(STATEMENT)
