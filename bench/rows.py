"""Whether contestants wrote the same rows, in whatever order and number of files."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from workshop.errors import WorkshopError

SHOWN = 5
_ONLY = """
    WITH ours AS (FROM read_csv($ours, header = true, all_varchar = true, quote = '"')),
    theirs AS (FROM read_csv($theirs, header = true, all_varchar = true, quote = '"'))
    (SELECT '-' AS sign, * FROM (FROM ours EXCEPT ALL FROM theirs) LIMIT $shown)
    UNION ALL
    (SELECT '+' AS sign, * FROM (FROM theirs EXCEPT ALL FROM ours) LIMIT $shown)
"""


def differences(ours: Path, theirs: Path) -> list[tuple[str, ...]]:
    """Return some rows that only one folder's CSV files have.

    Returns:
        Rows that begin with "-" for one that is only ours, "+" for one that is only theirs.
    """
    with duckdb.connect() as database:
        parameters = {"ours": f"{ours}/**/*.csv", "theirs": f"{theirs}/**/*.csv", "shown": SHOWN}
        return database.execute(_ONLY, parameters).fetchall()


def check_same(folders: Sequence[Path]) -> None:
    """Check that all folders have the same rows.

    Raises:
        WorkshopError: two differ; it names them and the first rows that only one has.
    """
    written = [folder for folder in folders if any(folder.rglob("*.csv"))]
    for folder in written[1:]:
        if rows := differences(written[0], folder):
            lines = "\n  ".join(",".join(map(str, row)) for row in rows)
            raise WorkshopError(
                f"The rows in {written[0]} (-) and {folder} (+) differ:\n  {lines}",
                "Compare the two; their times say nothing",
            )
