-- name: 04 Create the database by hand
-- description: A database of your own, beside segment_personalize. Deleting the stack does not delete it.
-- database: default
CREATE DATABASE IF NOT EXISTS default;
