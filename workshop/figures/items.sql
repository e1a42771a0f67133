-- The fifteen items with the most interactions, their names in the logs, and what people did.
WITH popular AS (
  SELECT
    item_id,
    count(*) AS interactions
  FROM interactions
  GROUP BY item_id
  ORDER BY interactions DESC, item_id
  LIMIT 15
),

products AS (
  SELECT
    properties.sku AS sku,
    max(properties.name) AS name
  FROM segment_logs
  WHERE properties.sku IS NOT NULL
  GROUP BY properties.sku
)

SELECT
  popular.item_id,
  products.name,
  interactions.event_type,
  count(*) AS interactions
FROM popular
INNER JOIN interactions ON popular.item_id = interactions.item_id
LEFT JOIN products ON popular.item_id = products.sku
GROUP BY popular.interactions, popular.item_id, products.name, interactions.event_type
ORDER BY popular.interactions DESC, popular.item_id, interactions.event_type;
