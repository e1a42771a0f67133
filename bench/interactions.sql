-- The job's transformation in DuckDB's SQL: one row a SKU of every kept event, oldest first.
-- Variables: input (the raw logs, a glob) and output (the CSV).
COPY (
    WITH events AS (
        SELECT
            nullif(trim(messageId), '') AS message_id,
            nullif(trim(userId), '') AS user_id,
            event,
            nullif(trim(properties.sku), '') AS sku,
            list_filter(
                list_transform(properties.products, lambda product: nullif(trim(product.sku), '')),
                lambda product_sku: product_sku IS NOT NULL
            ) AS product_skus,
            CAST(floor(epoch(TRY_CAST("timestamp" AS TIMESTAMPTZ))) AS BIGINT) AS seconds
        FROM read_ndjson(
            getvariable('input'),
            columns = {
                messageId: 'VARCHAR',
                userId: 'VARCHAR',
                event: 'VARCHAR',
                "timestamp": 'VARCHAR',
                properties: 'STRUCT(sku VARCHAR, products STRUCT(sku VARCHAR)[])'
            },
            ignore_errors = true
        )
        WHERE event IN ('Product Clicked', 'Product Added', 'Order Completed')
    ),

    kept AS (
        SELECT
            message_id,
            user_id,
            event,
            seconds,
            CASE WHEN sku IS NOT NULL THEN [sku] ELSE product_skus END AS skus
        FROM events
        WHERE seconds BETWEEN 946684800 AND epoch(now()) + 86400
    ),

    messages AS (
        SELECT min({'seconds': seconds, 'user_id': user_id, 'event': event, 'skus': skus}) AS first
        FROM kept
        WHERE
            len(skus) > 0
            AND NOT list_contains(
                list_transform(
                    list_append(skus, user_id),
                    lambda id: len(id) > 256 OR regexp_matches(id, '[\x00-\x1F\x7F-\x9F]')
                ),
                true
            )
            AND user_id IS NOT NULL
        -- An event without a messageId is never a duplicate.
        GROUP BY coalesce(message_id, CAST(gen_random_uuid() AS VARCHAR))
    )

    SELECT
        first.user_id AS USER_ID,
        unnest(first.skus) AS ITEM_ID,
        first.event AS EVENT_TYPE,
        first.seconds AS TIMESTAMP
    FROM messages
    ORDER BY TIMESTAMP, USER_ID, ITEM_ID, EVENT_TYPE
) TO (getvariable('output')) (FORMAT csv, HEADER);
