-- name: 11 Visitors and duplicates
-- description: Messages that came twice, and the share of records without a userId.
SELECT
  split_part("$path", '/', 5) AS source,
  count(*) AS records,
  count(*) - count(DISTINCT messageId) AS duplicates,
  100 * count_if(userId IS NULL) / count(*) AS anonymous_percent
FROM segment_logs
GROUP BY 1
ORDER BY 1;
