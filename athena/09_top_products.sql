-- name: 09 Which products are clicked
-- description: Most clicked first; how often each was added to a cart.
SELECT
  properties.sku,
  properties.name,
  count_if(event = 'Product Clicked') AS clicked,
  count_if(event = 'Product Added') AS added
FROM segment_logs
WHERE properties.sku IS NOT NULL
GROUP BY 1, 2
ORDER BY clicked DESC, 1
LIMIT 20;
