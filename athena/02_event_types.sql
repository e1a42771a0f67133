-- name: 02 Which event types are there
-- description: The second question: how many messages there are of each event, most first. An empty event is a call that is not a track call, such as page or identify.
SELECT
    event,
    count(messageId) AS messages
FROM segment_logs
GROUP BY event
ORDER BY messages DESC;
