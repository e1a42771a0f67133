-- name: 17 Is it enough to train
-- description: Needed: 1000 interactions, 25 users with two or more.
WITH users AS (
  SELECT
    count(*) AS interactions,
    min("timestamp") AS earliest,
    max("timestamp") AS latest
  FROM interactions
  GROUP BY user_id
)

SELECT
  sum(interactions) AS interactions,
  count(*) AS users,
  count_if(interactions >= 2) AS users_with_two_or_more,
  from_unixtime(min(earliest)) AS first_interaction,
  from_unixtime(max(latest)) AS last_interaction
FROM users;
