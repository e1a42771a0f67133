-- name: 13 Which time does it cover
-- description: The first and the last interaction, in UTC. A year such as 50000 means milliseconds, not seconds.
SELECT
  from_unixtime(min("timestamp")) AS first_interaction,
  from_unixtime(max("timestamp")) AS last_interaction
FROM interactions;
