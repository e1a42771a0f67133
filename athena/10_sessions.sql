-- name: 10 Sessions
-- description: A session ends after half an hour of silence.
WITH moments AS (
  SELECT
    anonymousId,
    to_unixtime(TRY(from_iso8601_timestamp("timestamp"))) AS moment
  FROM segment_logs
),

pauses AS (
  SELECT moment - lag(moment) OVER (PARTITION BY anonymousId ORDER BY moment) AS pause
  FROM moments
  WHERE moment IS NOT NULL
)

SELECT
  count_if(pause IS NULL) AS devices,
  count_if(pause IS NULL OR pause > 1800) AS sessions,
  count(*) AS events
FROM pauses;
