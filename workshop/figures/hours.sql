-- How many records happened in each hour of each day, in UTC.
WITH times AS (
  SELECT try(from_iso8601_timestamp("timestamp")) AS at
  FROM segment_logs
)

SELECT
  date_format(at, '%Y-%m-%d') AS day,
  hour(at) AS hour,
  count(*) AS records
FROM times
WHERE at IS NOT NULL
GROUP BY date_format(at, '%Y-%m-%d'), hour(at)
ORDER BY day, hour;
