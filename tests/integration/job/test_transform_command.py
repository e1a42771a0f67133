"""The command `transform`, by its own door: what it refuses. What it writes: test_to_csv.py."""

import sys

from tests.support import ran
from tests.support.live_job import DAY, Folders
from tests.support.records import event


def test_a_script_that_refuses_an_argument_sends_nobody_to_the_logs(folders: Folders) -> None:
    """The logs are not at fault."""
    folders.put(f"{DAY}/a.gz", event("1"))
    output = folders.base / "csv"
    words = ["transform", str(folders.source), str(output), "--START_DATE", "2019-13-01"]
    done = ran(sys.executable, "-m", "workshop", *words, code=1)
    assert "START_DATE" in done.stderr
    assert "Correct that argument: workshop transform --help" in done.stderr
