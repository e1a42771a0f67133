"""What the report draws, each figure the answer to a statement of its own.

The saved queries are the lesson's, and are named and numbered as the lesson goes; the report's
statements stay what they are when those change.
"""

from pathlib import Path

from workshop import queries
from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError

STATEMENTS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.sql"))}
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
        answer = queries.run(account, environment, sql, environment.database, limit=MOST_ROWS)
    except WorkshopError as error:
        raise WorkshopError(f"{path.name}: {error.message}", error.next_step) from error
    return [
        {
            column: value and value[:LONGEST_VALUE]
            for column, value in zip(answer.columns, row, strict=True)
        }
        for row in answer.rows
    ]
