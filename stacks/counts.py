"""What the job's script counts, by the names that it prints: what the stack and the CLI agree on.

It prints a line for each, `kept 25001 in all`, and one for each reason: `filtered 7780 no userId`.
"""

OUTCOMES = ("kept", "duplicates", "filtered", "rejected")
COUNTS = ("records_read", *OUTCOMES, "rows_written")
# The most frequent names of filtered events, where there are any. They come from the data.
OTHER_EVENTS = "other_events"
# And one when it begins, `run-1700000000000 started`, and one when all is done,
# `run-1700000000000 finished after 63 seconds`.
STARTED, SECONDS = "started", "seconds"
