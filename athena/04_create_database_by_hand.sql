-- name: 04 Create the database by hand
-- description: How the exercise makes a database by hand. The workshop's own database, segment_personalize, is there already; deleting the stack does not delete this one.
-- database: default
CREATE DATABASE IF NOT EXISTS default;
