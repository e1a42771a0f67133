-- name: 01 What does the data look like
-- description: Twenty raw events, a column for each field.
SELECT *
FROM segment_logs
LIMIT 20;
