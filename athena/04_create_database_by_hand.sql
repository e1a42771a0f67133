-- name: 04 Create the database by hand
-- description: Yours: deleting the stack keeps it.
CREATE DATABASE IF NOT EXISTS default;
