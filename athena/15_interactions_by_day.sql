-- name: 15 Interactions by day
-- description: from_unixtime turns seconds since 1970 into a time (UTC).
SELECT
  date(from_unixtime("timestamp")) AS day,
  count(*) AS interactions
FROM interactions
GROUP BY 1
ORDER BY 1;
