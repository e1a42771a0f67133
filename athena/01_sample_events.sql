-- name: 01 What does the data look like
-- description: Twenty raw events.
SELECT *
FROM segment_logs
LIMIT 20;
