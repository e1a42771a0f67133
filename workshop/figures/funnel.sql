-- How many people of each source clicked a product, added one, and ordered; visitors count, too.
WITH people AS (
  SELECT
    element_at(split("$path", '/'), -3) AS source,
    coalesce(userId, anonymousId) AS person,
    bool_or(event = 'Product Clicked') AS clicked,
    bool_or(event = 'Product Added') AS added,
    bool_or(event = 'Order Completed') AS ordered
  FROM segment_logs
  GROUP BY element_at(split("$path", '/'), -3), coalesce(userId, anonymousId)
)

SELECT
  source,
  count_if(clicked) AS clicked,
  count_if(clicked AND added) AS added,
  count_if(clicked AND added AND ordered) AS ordered
FROM people
GROUP BY source
ORDER BY source;
