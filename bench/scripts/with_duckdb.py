"""The job's transformation in DuckDB, for a machine: no accounting and no rejected records."""

import argparse
from pathlib import Path

import duckdb

TRANSFORMATION = """
COPY (
    WITH events AS (
        SELECT
            nullif(trim(messageId), '') AS message_id,
            nullif(trim(userId), '') AS user_id,
            event,
            floor(epoch(TRY_CAST(timestamp AS TIMESTAMPTZ)))::BIGINT AS seconds,
            CASE
                WHEN trim(properties.sku) <> '' THEN [trim(properties.sku)]
                ELSE list_filter(
                    [trim(product.sku) FOR product IN properties.products], lambda sku: sku <> ''
                )
            END AS skus
        FROM read_json(
            $input || '/**/*.gz',
            format = 'newline_delimited',
            columns = {
                messageId: 'VARCHAR',
                userId: 'VARCHAR',
                event: 'VARCHAR',
                timestamp: 'VARCHAR',
                properties: 'STRUCT(sku VARCHAR, products STRUCT(sku VARCHAR)[])'
            }
        )
        WHERE event IN ('Product Clicked', 'Product Added', 'Order Completed')
    ),

    messages AS (
        SELECT min((seconds, user_id, event, skus)) AS kept
        FROM events
        WHERE user_id IS NOT NULL AND len(skus) > 0 AND seconds IS NOT NULL
        GROUP BY coalesce(message_id, uuid()::VARCHAR)
    )

    SELECT
        kept[2] AS USER_ID,
        unnest(kept[4]) AS ITEM_ID,
        kept[3] AS EVENT_TYPE,
        kept[1] AS TIMESTAMP
    FROM messages
    ORDER BY TIMESTAMP, USER_ID, ITEM_ID, EVENT_TYPE
) TO $output (HEADER)
"""


def main() -> None:
    """Transform the events below a folder into one CSV, sorted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--S3_JSON_INPUT_PATH", dest="input")
    parser.add_argument("--S3_CSV_OUTPUT_PATH", dest="output", type=Path)
    parser.add_argument("--cores", type=int)
    args, _ = parser.parse_known_args()
    args.output.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"threads": args.cores, "TimeZone": "UTC"}) as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(
            TRANSFORMATION, {"input": args.input, "output": str(args.output / "interactions.csv")}
        )


if __name__ == "__main__":
    main()
