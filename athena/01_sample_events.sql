-- name: 01 What does the data look like
-- description: The first question of the exercise: twenty raw Segment events, a column for each field that the table declares.
SELECT *
FROM segment_logs
LIMIT 20;
