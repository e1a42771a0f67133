-- name: 08 What did the job write
-- description: Twenty rows of the CSV that Amazon Personalize imports. Run the Glue job SegmentEventsJsonToCsv first; until then there are none.
SELECT *
FROM interactions
LIMIT 20;
