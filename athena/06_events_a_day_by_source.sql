-- name: 06 Events a day by source
-- description: A path names source and UTC day. Duplicates count once.
SELECT
  element_at(split("$path", '/'), -3) AS source,
  date(from_unixtime(TRY_CAST(element_at(split("$path", '/'), -2) AS bigint) / 1000)) AS day,
  count(DISTINCT messageId) AS events
FROM segment_logs
WHERE "$path" LIKE '%00000/%'
GROUP BY 1, 2
ORDER BY 2, 1;
