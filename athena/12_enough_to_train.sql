-- name: 12 Is it enough to train
-- description: Personalize needs 1000 interactions and 25 users with two or more each.
WITH users AS (
  SELECT
    user_id,
    count(*) AS interactions
  FROM interactions
  GROUP BY user_id
)

SELECT
  sum(interactions) AS interactions,
  count(*) AS users,
  count_if(interactions >= 2) AS users_with_two_or_more
FROM users;
