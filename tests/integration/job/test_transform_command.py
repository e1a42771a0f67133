"""The command `transform`, by its own door, on folders with names that are not plain."""

import json
import subprocess
import sys

from tests.support import PROJECT
from tests.support.live_job import DAY, Folders, csv_lines_of
from tests.support.records import event

NAME = "a (b) [c] {d,e} + @ & = ' % %20 # a:b größe *?"


def test_transform_reads_and_writes_in_the_folders_that_it_is_given(folders: Folders) -> None:
    """A folder was not found for the blank in its name, or the CSV went into another one."""
    logs, output = Folders(folders.base / NAME), folders.base / f"{NAME} out"
    logs.put(f"{DAY}/a.gz", event("1"), "\n{\n")
    done = subprocess.run(
        [sys.executable, "-m", "workshop", "transform", str(logs.source), str(output), "--json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kept"] == 1
    rows = csv_lines_of([(1466503245, "anna", "shoe", "Product Clicked")])
    (csv,) = output.iterdir()
    assert csv.read_text(encoding="utf-8").splitlines()[1:] == rows
    assert sorted(path.name for path in folders.base.iterdir()) == sorted(
        [NAME, output.name, f"{output.name}-rejected"]
    )


def test_a_script_that_refuses_an_argument_sends_nobody_to_the_logs(folders: Folders) -> None:
    """The logs are not at fault."""
    folders.put(f"{DAY}/a.gz", event("1"))
    output = folders.base / "csv"
    words = ["transform", str(folders.source), str(output), "--START_DATE", "2019-13-01"]
    done = subprocess.run(
        [sys.executable, "-m", "workshop", *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "START_DATE" in done.stderr
    assert "Correct that argument: workshop transform --help" in done.stderr
