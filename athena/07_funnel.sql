-- name: 07 From click to order
-- description: How many who clicked a product added one, and how many of those ordered. Visitors have no userId.
WITH people AS (
  SELECT
    userId,
    bool_or(event = 'Product Clicked') AS clicked,
    bool_or(event = 'Product Added') AS added,
    bool_or(event = 'Order Completed') AS ordered
  FROM segment_logs
  WHERE userId IS NOT NULL
  GROUP BY userId
)

SELECT
  count_if(clicked) AS clicked,
  count_if(clicked AND added) AS then_added,
  count_if(clicked AND added AND ordered) AS then_ordered
FROM people;
