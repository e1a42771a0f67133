-- name: 06 Events a day by source
-- description: A file's path has the source and the UTC day of receipt. What came twice counts once.
SELECT
  split_part("$path", '/', 5) AS source,
  date(from_unixtime(CAST(split_part("$path", '/', 6) AS bigint) / 1000)) AS day,
  count(DISTINCT messageId) AS events
FROM segment_logs
GROUP BY 1, 2
ORDER BY 2, 1;
