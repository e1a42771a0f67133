"""What to do about a statement that Athena has refused, or that has failed."""

import re

CORRECT = "Correct the statement, or list the saved queries: workshop query"
# A statement that names a table of the stack's has no fault, and no run of the job makes the table.
DROPPED = (
    "Somebody dropped a table of the stack. Delete the stack, then deploy it again as before: "
    "workshop down"
)
_NEXT_STEPS = (
    (r"(?s).*table_not_found.*\bsegment_personalize\w*\.(segment_logs|interactions)\b", DROPPED),
    (".*(schema '.*' does not exist|database does not exist)",
     "Create the database first: workshop query 04"),
    ("insufficient permissions|permission[_ ]denied|access denied|.*accessdenied",
     "Ask for the permission that the message names"),
    ("hive_", "Look at the object or the table that the message names; the statement may be right"),
    ("bytes scanned limit|exceeded_|.*exhausted resources",
     "Read less: fewer columns, a shorter range of days"),
    ("generic_internal_error", "Run it again; if it fails again, report it with the message"),
)  # fmt: skip


def next_step(reason: str) -> str:
    """What to do about a failed query, by the reason that Athena gives."""
    steps = (step for causes, step in _NEXT_STEPS if re.match(causes, reason, re.IGNORECASE))
    return next(steps, CORRECT)
