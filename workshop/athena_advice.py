"""What to do about a statement that Athena has refused, or that has failed."""

import re

CORRECT = "Correct the statement, or list the saved queries: workshop query"
_NEXT_STEPS = (
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


def gone(database: str, message: str, *, embedded: bool) -> str:
    """What to do where a query of the stack's did not find one of its tables; else empty.

    Args:
        database: the stack's.
        message: Athena's, e.g. `TABLE_NOT_FOUND: ... Table 'awsdatacatalog.shop.clicks' ...`.
        embedded: whether the stack is on this machine.
    """
    if not re.search(rf"(?s)TABLE_NOT_FOUND.*\b{re.escape(database)}\.", message):
        return ""
    down, up = ("down", "up") if embedded else ("destroy", "deploy")
    return (
        "Somebody dropped a table of the stack. Delete the stack and deploy it again: "
        f"make {down}, then make {up}"
    )
