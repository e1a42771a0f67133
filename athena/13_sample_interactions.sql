-- name: 13 What did the job write
-- description: Twenty rows of the CSV; none until the job has run.
SELECT user_id, item_id, event_type, "timestamp"
FROM interactions
LIMIT 20;
