-- For teams whose Segment data is in Amazon Redshift: writes the CSV that the Glue job writes
-- (USER_ID, ITEM_ID, EVENT_TYPE and TIMESTAMP in whole UNIX seconds), one row a message.
--
-- Replace before running:
--   website_prod      the schema of your Segment source; repeat the three SELECTs for each source
--   <account id>      the account of the workshop's bucket, personalize-data-<account id>
--   <unload role>     an IAM role of that account, attached to the cluster or workgroup, that may
--                     write to the bucket's transformed/ (s3:PutObject, s3:GetObject, s3:ListBucket)
--
-- Segment's warehouse tables have one row a track call; id is the messageId, and a message that was
-- delivered twice is there twice. An Order Completed of Segment's e-commerce specification has a
-- list of products and no sku of its own: where order_completed has no sku column, take that SELECT
-- out or expand its products first.
--
-- For the optional column EVENT_VALUE, add `price` to each SELECT within, and as the last column of
-- the first one: CAST(price AS FLOAT) AS "EVENT_VALUE".
--
-- Redshift lower-cases names unless told otherwise, and Personalize wants these in upper case.
SET enable_case_sensitive_identifier TO true;

UNLOAD ('
    SELECT
        user_id AS "USER_ID",
        sku AS "ITEM_ID",
        event_type AS "EVENT_TYPE",
        CAST(FLOOR(EXTRACT(EPOCH FROM "timestamp")) AS BIGINT) AS "TIMESTAMP"
    FROM (
        SELECT
            user_id,
            sku,
            event_type,
            "timestamp",
            ROW_NUMBER() OVER (PARTITION BY id ORDER BY received_at) AS delivery
        FROM (
            SELECT id, user_id, sku, ''Product Clicked'' AS event_type, "timestamp", received_at
            FROM website_prod.product_clicked
            UNION ALL
            SELECT id, user_id, sku, ''Product Added'' AS event_type, "timestamp", received_at
            FROM website_prod.product_added
            UNION ALL
            SELECT id, user_id, sku, ''Order Completed'' AS event_type, "timestamp", received_at
            FROM website_prod.order_completed
        ) AS messages
        WHERE user_id <> '''' AND sku <> '''' AND "timestamp" IS NOT NULL
    ) AS deliveries
    WHERE delivery = 1
')
TO 's3://personalize-data-<account id>/transformed/unload-'
IAM_ROLE 'arn:aws:iam::<account id>:role/<unload role>'
FORMAT AS CSV
HEADER
-- Look at the name of the first file: if it ends in 000csv, write '.csv' here.
EXTENSION 'csv'
PARALLEL OFF;
