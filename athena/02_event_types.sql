-- name: 02 Which event types are there
-- description: Messages by event. Those without one are other calls, such as page or identify.
SELECT event, count(messageId) AS messages
FROM segment_logs
GROUP BY event
ORDER BY messages DESC;
