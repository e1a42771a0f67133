-- name: 02 Which event types are there
-- description: How many messages of each event. Without one: calls other than track, such as page or identify.
SELECT event, count(messageId) AS messages
FROM segment_logs
GROUP BY event
ORDER BY messages DESC;
