"""The job killed at random moments: the CSV before it stays whole until the new one is."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from embedded_aws.spark import QUICK_START
from tests.support import PROJECT
from tests.support.live_job import DAY, SCRIPT, Folders, LiveJob, csv_lines_of
from tests.support.reference import transform

pytestmark = pytest.mark.slow

# Python and Java in a process group of their own, which SIGKILL ends at one moment.
RUN = f"""
import sys
from pathlib import Path
from embedded_aws.spark import ScriptRun
run = ScriptRun(
    Path({str(SCRIPT)!r}), sys.argv[1:], java_options={QUICK_START!r}, log=lambda *_: None
)
sys.exit(run.finish().error_message or 0)
"""
ROWS_PER_FILE = 250
Contents = dict[str, bytes]
Moment = Callable[[float], bool]  # whether it has come, by the seconds since the start


def fill(folders: Folders, events: int) -> None:
    """Write events that become several CSV files."""
    for number in range(4):
        records = [
            {
                "messageId": f"{n}",
                "event": "Product Clicked",
                "userId": f"user {n % 97}",
                "timestamp": f"2016-06-{n % 28 + 1:02}T10:00:{n % 60:02}Z",
                "properties": {"sku": f"sku {n % 89}"},
            }
            for n in range(number, events, 4)
        ]
        folders.put(f"{DAY}/{number}.gz", "".join(json.dumps(r) + "\n" for r in records))


def contents(folders: Folders) -> Contents:
    return {file.name: file.read_bytes() for file in folders.csvs()}


def staging(folders: Folders) -> Path:
    return folders.target.with_name("transformed-staging")


def at(seconds: float) -> Moment:
    return lambda elapsed: elapsed >= seconds


def moving(folders: Folders, delay: float) -> Moment:
    """Make the moment when files in the output folder have been changing for the seconds given."""
    before, since = {file.name for file in folders.csvs()}, list[float]()

    def moment(elapsed: float) -> bool:
        if not since and {file.name for file in folders.csvs()} != before:
            since.append(elapsed)
        return bool(since) and elapsed >= since[0] + delay

    return moment


def start(folders: Folders) -> subprocess.Popen[bytes]:
    """Start a run."""
    scratch = folders.base / "scratch"
    scratch.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *folders.arguments(MAX_ROWS_PER_FILE=ROWS_PER_FILE)],
        cwd=PROJECT,
        env=os.environ | {"TMPDIR": str(scratch)},
        start_new_session=True,
    )


def run_and_kill(folders: Folders, moment: Moment) -> bool:
    """Start a run and kill it at the moment; False when the run was at its end before."""
    run = start(folders)
    started = time.monotonic()
    try:
        while run.poll() is None and not moment(time.monotonic() - started):
            time.sleep(0.001)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    exit_code = run.wait()
    assert exit_code in (0, -signal.SIGKILL)
    return exit_code != 0


def check_kill(folders: Folders, before: Contents, rows: list[str]) -> None:
    """Make sure that a run's CSV is there, all of it: the one before's or the new one's.

    While files are moved, or those before removed, some of the other are there, too.
    """
    after = contents(folders)
    old = {name: text for name, text in after.items() if name in before}
    new = lines_of(after, newest(after)) if len(after) > len(old) else []
    assert new == rows[: len(new)]
    assert new == rows or old == before


def newest(files: Contents) -> str:
    return max(name.partition("-part")[0] for name in files)


def lines_of(files: Contents, run: str) -> list[str]:
    parts = [files[name].decode().splitlines()[1:] for name in sorted(files) if run in name]
    return [line for part in parts for line in part]


def check_next_run(job: LiveJob, folders: Folders, rows: list[str]) -> None:
    """Make sure that the run after a kill succeeds and leaves nothing but its own files."""
    assert job.run(folders, MAX_ROWS_PER_FILE=ROWS_PER_FILE).error == ""
    files = contents(folders)
    assert lines_of(files, newest(files)) == rows == folders.csv_lines()
    assert len(files) > 3
    assert not staging(folders).exists()
    folders.report()


@pytest.fixture(scope="module")
def filled(
    live_job: LiveJob, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Folders, list[str]]:
    """Folders with input and the CSV of a run; the rows that it has."""
    folders = Folders(tmp_path_factory.mktemp("filled"))
    fill(folders, 4000)
    rows = csv_lines_of(transform(folders.source, datetime.now(UTC)).rows)
    check_next_run(live_job, folders, rows)
    return folders, rows


def test_a_run_killed_while_it_writes_or_moves_leaves_the_csv(
    live_job: LiveJob, filled: tuple[Folders, list[str]]
) -> None:
    """A stopped run would leave Personalize half a CSV, or none."""
    folders, rows = filled
    before = contents(folders)
    moments: list[Moment] = [lambda _: staging(folders).exists(), moving(folders, 0)]
    for moment in moments:
        assert run_and_kill(folders, moment)
        check_kill(folders, before, rows)
    check_next_run(live_job, folders, rows)


def test_runs_killed_at_twenty_random_moments_leave_the_csv(
    live_job: LiveJob, filled: tuple[Folders, list[str]]
) -> None:
    """The same at a moment that nobody thought of."""
    folders, rows = filled
    chance = random.Random(20)  # noqa: S311 - moments, not secrets
    started = time.monotonic()
    assert not run_and_kill(folders, lambda _: False)
    duration = time.monotonic() - started
    for number in range(20):
        before = contents(folders)
        if number % 2:
            moment = moving(folders, chance.uniform(0, 0.05))
        else:
            moment = at(chance.uniform(0, duration))
        run_and_kill(folders, moment)
        check_kill(folders, before, rows)
        check_next_run(live_job, folders, rows)


def test_a_csv_that_cannot_be_moved_in_full_is_not_there_at_all(
    live_job: LiveJob, filled: tuple[Folders, list[str]]
) -> None:
    """Personalize would import the CSV before and a part of the new one."""
    folders, _ = filled
    before, moment = contents(folders), moving(folders, 0)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(live_job.run, folders, MAX_ROWS_PER_FILE=8)
        while not moment(0):
            assert not ended.done()
            time.sleep(0.001)
        shutil.rmtree(staging(folders), ignore_errors=True)  # files leave it meanwhile
    assert "FileNotFoundException" in ended.result().error
    assert contents(folders) == before
    assert not staging(folders).exists()
