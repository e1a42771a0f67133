-- name: 11 Visitors and duplicates
-- description: Messages delivered twice, and records without a userId.
SELECT
  element_at(split("$path", '/'), -3) AS source,
  count(*) AS records,
  count(*) - count(DISTINCT messageId) AS duplicates,
  100 * count_if(userId IS NULL) / count(*) AS anonymous_percent
FROM segment_logs
GROUP BY 1
ORDER BY 1;
