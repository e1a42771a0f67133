-- name: 16 Which items are popular
-- description: What everyone would be shown without personalization.
SELECT
  item_id,
  count(*) AS interactions,
  count(DISTINCT user_id) AS users,
  count_if(event_type = 'Order Completed') AS orders
FROM interactions
GROUP BY item_id
ORDER BY interactions DESC, item_id
LIMIT 20;
