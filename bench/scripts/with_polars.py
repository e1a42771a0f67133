"""The job's transformation in Polars, for a machine: no accounting and no rejected records."""

import argparse
from pathlib import Path

import polars as pl

SUPPORTED_EVENTS = ["Product Clicked", "Product Added", "Order Completed"]
SKU = pl.Struct({"sku": pl.String})
EVENT_SCHEMA = {
    "messageId": pl.String,
    "userId": pl.String,
    "event": pl.String,
    "timestamp": pl.String,
    "properties": pl.Struct({"sku": pl.String, "products": pl.List(SKU)}),
}


def text(value: pl.Expr) -> pl.Expr:
    """Trim blanks; empty text is missing."""
    trimmed = value.str.strip_chars(" ")
    return pl.when(trimmed != "").then(trimmed)


def main() -> None:
    """Transform the events below a folder into one CSV, sorted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--S3_JSON_INPUT_PATH", dest="input")
    parser.add_argument("--S3_CSV_OUTPUT_PATH", dest="output", type=Path)
    args, _ = parser.parse_known_args()
    args.output.mkdir(parents=True, exist_ok=True)

    properties = pl.col("properties").struct
    sku = text(properties.field("sku"))
    products = properties.field("products").list.eval(text(pl.element().struct.field("sku")))
    moment = pl.col("timestamp").str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    interactions = (
        pl.scan_ndjson(f"{args.input}/**/*.gz", schema=EVENT_SCHEMA)
        .filter(pl.col("event").is_in(SUPPORTED_EVENTS))
        .select(
            text(pl.col("messageId")).alias("message"),
            text(pl.col("userId")).alias("USER_ID"),
            pl.when(sku.is_not_null())
            .then(pl.concat_list(sku))
            .otherwise(products.list.drop_nulls())
            .alias("ITEM_ID"),
            pl.col("event").alias("EVENT_TYPE"),
            moment.dt.epoch("us").floordiv(1_000_000).alias("TIMESTAMP"),
        )
        .filter(
            pl.col("USER_ID").is_not_null()
            & (pl.col("ITEM_ID").list.len() > 0)
            & pl.col("TIMESTAMP").is_not_null()
        )
        .sort("TIMESTAMP", "USER_ID", "EVENT_TYPE", "ITEM_ID")
        .filter(pl.col("message").is_first_distinct() | pl.col("message").is_null())
        .drop("message")
        .explode("ITEM_ID")
        .select("USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP")
        .sort("TIMESTAMP", "USER_ID", "ITEM_ID", "EVENT_TYPE")
    )
    interactions.sink_csv(args.output / "interactions.csv")


if __name__ == "__main__":
    main()
