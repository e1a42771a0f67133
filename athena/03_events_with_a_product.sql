-- name: 03 Which events carry a product
-- description: Events that name a product by its SKU.
SELECT event, count(messageId) AS messages
FROM segment_logs
WHERE properties.sku IS NOT NULL
GROUP BY event
ORDER BY messages DESC;
