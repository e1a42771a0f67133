-- name: 08 From click to order
-- description: Devices that clicked a product, then added one, then ordered.
WITH devices AS (
  SELECT
    element_at(split("$path", '/'), -3) AS source,
    bool_or(event = 'Product Clicked') AS clicked,
    bool_or(event = 'Product Added') AS added,
    bool_or(event = 'Order Completed') AS ordered
  FROM segment_logs
  GROUP BY 1, anonymousId
)

SELECT
  source,
  count_if(clicked) AS clicked,
  count_if(clicked AND added) AS then_added,
  count_if(clicked AND added AND ordered) AS then_ordered
FROM devices
GROUP BY source
ORDER BY source;
