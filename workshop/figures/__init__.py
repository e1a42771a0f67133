"""What the report draws, each figure the answer to a statement of its own.

The saved queries are the lesson's, and are named and numbered as the lesson goes; the report's
statements stay what they are when those change.
"""

import re
from pathlib import Path

from workshop import athena
from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError

STATEMENTS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.sql"))}
# The columns of each figure, as its statement names them, and those of them that count.
COLUMNS = {
    "events": ["name", "records"],
    "funnel": ["source", "clicked", "added", "ordered"],
    "hours": ["day", "hour", "records"],
    "items": ["item_id", "name", "event_type", "interactions"],
    "users": ["interactions", "users"],
}
_COUNTS = {"records", "clicked", "added", "ordered", "hour", "interactions", "users"}
_COUNT = re.compile(r"[0-9]{1,15}")
# Whoever knows a site's write key decides on how many events there are, and on their names.
MOST_ROWS, LONGEST_VALUE = 10_000, 500
Figure = list[dict[str, str | None]]


def compute(account: Account, environment: Environment, name: str) -> Figure:
    """Run the statement of one figure.

    Args:
        account: where the environment is.
        environment: whose logs and interactions the figure shows.
        name: one of STATEMENTS.

    Returns:
        The first MOST_ROWS rows, as values by column, rendered as Athena renders them: the first
        LONGEST_VALUE characters of each.

    Raises:
        WorkshopError: Athena refused the statement or it failed; the message names its file.
    """
    path = STATEMENTS[name]
    sql = path.read_text(encoding="utf-8")
    try:
        answer = athena.run(account, environment, sql, environment.database, limit=MOST_ROWS)
    except WorkshopError as error:
        raise WorkshopError(f"{path.name}: {error.message}", error.next_step) from error
    # Participants may write over Athena's answer in athena-results/.
    if answer.columns != COLUMNS[name] or not all(
        _COUNT.fullmatch(value or "")
        for row in answer.rows
        for column, value in zip(answer.columns, row, strict=True)
        if column in _COUNTS
    ):
        raise WorkshopError(
            f"{path.name}: Athena's answer is not what the statement asks for.",
            "Run it again: somebody has written over its file in athena-results/",
        )
    return [
        {
            column: value and value[:LONGEST_VALUE]
            for column, value in zip(answer.columns, row, strict=True)
        }
        for row in answer.rows
    ]
