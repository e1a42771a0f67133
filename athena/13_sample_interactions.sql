-- name: 13 What did the job write
-- description: Twenty rows of the CSV. Until the Glue job has run, there are none.
SELECT user_id, item_id, event_type, "timestamp"
FROM interactions
LIMIT 20;
