-- name: 02 Which event types are there
-- description: Other calls, such as page or identify, have no event.
SELECT event, count(messageId) AS messages
FROM segment_logs
GROUP BY event
ORDER BY messages DESC;
