"""Whether contestants wrote the same rows, in whatever order and number of files."""

from collections.abc import Sequence
from itertools import pairwise
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


def check_same(folders: Sequence[Path]) -> None:
    """Check that all folders have the same rows.

    Raises:
        WorkshopError: two differ; it names them and the first rows that only one has.
    """
    written = [folder for folder in folders if any(folder.rglob("*.csv"))]
    for ours, theirs in pairwise(written):
        files = {"ours": f"{ours}/**/*.csv", "theirs": f"{theirs}/**/*.csv"}
        with duckdb.connect() as database:
            rows = database.execute(_ONLY, files | {"shown": SHOWN}).fetchall()
        if rows:
            lines = "\n  ".join(",".join(map(str, row)) for row in rows)
            raise WorkshopError(
                f"The rows in {ours} (-) and {theirs} (+) differ:\n  {lines}",
                "Compare the two; their times say nothing",
            )
