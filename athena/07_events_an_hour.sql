-- name: 07 Events an hour
-- description: When people shop, in UTC.
SELECT
  hour(from_iso8601_timestamp("timestamp") AT TIME ZONE 'UTC') AS hour,
  count(*) AS events
FROM segment_logs
WHERE TRY(from_iso8601_timestamp("timestamp")) IS NOT NULL
GROUP BY 1
ORDER BY 1;
