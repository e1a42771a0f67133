-- name: 04 Create the database by hand
-- description: Your own, beside segment_personalize. Deleting the stack does not delete it.
CREATE DATABASE IF NOT EXISTS default;
