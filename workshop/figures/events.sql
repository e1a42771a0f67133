-- How many records of each call there are; track calls by the name of their event.
SELECT
  coalesce(event, type, 'no type') AS name,
  count(*) AS records
FROM segment_logs
GROUP BY coalesce(event, type, 'no type')
ORDER BY records DESC, name;
