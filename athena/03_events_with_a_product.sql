-- name: 03 Which events carry a product
-- description: The events that name a product by its SKU. The Glue job keeps exactly these.
SELECT event, count(messageId) AS messages
FROM segment_logs
WHERE properties.sku IS NOT NULL
GROUP BY event
ORDER BY messages DESC;
