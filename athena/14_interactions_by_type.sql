-- name: 14 Interactions by type
-- description: Personalize accepts at most nine types.
SELECT
  event_type,
  count(*) AS interactions,
  count(DISTINCT user_id) AS users
FROM interactions
GROUP BY event_type
ORDER BY interactions DESC;
