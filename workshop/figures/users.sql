-- How many users have how many interactions.
WITH users AS (
  SELECT
    user_id,
    count(*) AS interactions
  FROM interactions
  GROUP BY user_id
)

SELECT
  interactions,
  count(*) AS users
FROM users
GROUP BY interactions
ORDER BY interactions;
