"""What a run of the job leaves, and what it refuses to begin."""

import re

import psutil
import pytest

from tests.support.guide import PAGES, blocks
from tests.support.live_job import DAY, SCRIPT, Folders, LiveJob
from tests.support.records import NEXT_DAY, SHAPES, THIRD_DAY, check, event, left, lines, printed


def test_nothing_listens_beyond_loopback(live_job: LiveJob, folders: Folders) -> None:
    """A rehearsal on a laptop would open Spark's ports to its network."""
    folders.put(f"{DAY}/a.gz", event("1"))
    check(live_job, folders)
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    sockets = [socket for process in processes for socket in process.net_connections()]
    addresses = {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert addresses
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@pytest.mark.slow
def test_large_output_is_several_files(live_job: LiveJob, folders: Folders) -> None:
    """One CSV could outgrow what can be imported; several must keep one order."""
    records = [
        event(f"{n}", timestamp=f"2016-06-{n % 20 + 1:02}T10:00:45Z", userId=f"user {n % 7}")
        for n in range(95)
    ]
    folders.put(f"{DAY}/a.gz", lines(*records))
    for limit in (10, 95):
        check(live_job, folders, MAX_ROWS_PER_FILE=limit)
        files = folders.csvs()
        run = files[0].name.partition("-part")[0]
        assert [file.name for file in files] == [
            f"{run}-part-r-{number:05d}.csv" for number in range(len(files))
        ]
        sizes = [len(file.read_bytes().splitlines()) - 1 for file in files]
        assert min(sizes) >= 1
        assert max(sizes) <= limit
        assert (len(files) == 1) == (limit == 95)


@pytest.mark.slow
def test_two_runs_give_the_same_bytes(live_job: LiveJob, folders: Folders) -> None:
    """Two runs on the same data could not be compared, and duplicates be chosen at random."""
    records = [
        event(f"{n % 17}", userId=f"{n % 5}", timestamp=f"2016-06-21T10:00:{n % 3:02}.{n}Z")
        for n in range(90)
    ]
    for n in range(3):
        folders.put(f"{(DAY, NEXT_DAY, THIRD_DAY)[n]}/{n}.gz", lines(*records[n::3]))
    check(live_job, folders)
    before = [file.read_bytes() for file in folders.csvs()]
    other = Folders(folders.base / "other")
    other.put("all.json", lines(*records[::-1]))
    check(live_job, other)
    assert [file.read_bytes() for file in other.csvs()] == before


def test_a_run_replaces_the_one_before_and_what_a_killed_one_left(
    live_job: LiveJob, folders: Folders
) -> None:
    """Personalize would import two runs at once, or half of one."""
    folders.put(f"{DAY}/a.gz", event("1"))
    folders.target.mkdir()
    for name in ("run-1-part-r-00000.csv", "run-1-part-r-00001.csv", "run-2-part-r-00000.csv"):
        (folders.target / name).write_text("before", encoding="utf-8")
    staging = folders.base / "transformed-staging" / "run-2" / "deeper"
    staging.mkdir(parents=True)
    (staging / "part-00000").write_text("a run that was killed", encoding="utf-8")
    check(live_job, folders)
    assert len(folders.csvs()) == 1
    assert left(folders) == ["rejected", "segment-logs", "transformed"]


def test_without_a_kept_record_the_run_fails_and_the_csv_stays(
    live_job: LiveJob, folders: Folders
) -> None:
    """A wrong input path would replace good training data by an empty file."""
    folders.put(f"{DAY}/a.gz", lines(event("1", event="Page"), "{", event("2", userId=None)))
    folders.target.mkdir()
    before = folders.target / "run-1-part-r-00000.csv"
    before.write_text("the run before", encoding="utf-8")
    outcome = live_job.run(folders)
    assert outcome.error.startswith("ValueError: ")
    assert "\n  filtered 1 other event\n  filtered 1 no userId\n" in outcome.error
    assert folders.csvs() == [before]
    assert before.read_text(encoding="utf-8") == "the run before"
    assert folders.accounting()["records_read"] == 3
    assert folders.accounting() == printed(outcome)
    assert [text for _, _, text in folders.rejected_records()] == ["{"]
    assert left(folders) == ["rejected", "segment-logs", "transformed"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("START_DATE", text)
            for text in ("yesterday", "2016-6-21", "2016-02-30", "", "20160621")
        ],
        *[("END_DATE", text) for text in ("2016-06-21T00:00:00Z", "1466467200000")],
        *[("SUPPORTED_EVENTS", text) for text in ("", ",", " , ")],
        *[("MAX_ROWS_PER_FILE", text) for text in ("0", "-1", "many", "1.5", "", f"{10**9}")],
        *[
            ("S3_CSV_OUTPUT_PATH", text)
            for text in ("./logs", "./logs/out", "./logs/..", "./rejected/out")
        ],
        *[("S3_CSV_OUTPUT_PATH", text) for text in ("", "/", "out", "s3://bucket", "s3://bucket/")],
        *[("S3_REJECTED_PATH", text) for text in ("./logs/rejected", "./out-staging", "")],
        *[("S3_JSON_INPUT_PATH", text) for text in ("./out-staging", "./out-staging/web", "s3:/")],
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_done(
    name: str, value: str, live_job: LiveJob, folders: Folders
) -> None:
    """A typing error would cost a run, or files in the wrong place."""
    logs = Folders(folders.base / "logs")  # not there: to read from it would fail
    options = {
        "S3_JSON_INPUT_PATH": logs.base,
        "S3_CSV_OUTPUT_PATH": folders.base / "out",
        "END_DATE": "2016-06-21" if name == "START_DATE" else None,
    } | {name: value.replace("./", f"{folders.base}/")}
    outcome = live_job.run(folders, **options)
    assert outcome.error.startswith("ValueError: ")
    assert name in outcome.error
    assert list(folders.base.iterdir()) == []


def test_an_argument_that_is_missing_is_named(live_job: LiveJob, folders: Folders) -> None:
    """A typing error in a job parameter would end in a stack trace about something else."""
    for name in ("S3_JSON_INPUT_PATH", "S3_CSV_OUTPUT_PATH", "S3_REJECTED_PATH"):
        misspelt = {name: None, name.removesuffix("_PATH"): "x"}
        assert live_job.run(folders, **misspelt).error == (
            f"GlueArgumentError: the following arguments are required: --{name}"
        )


@pytest.mark.slow
def test_the_guides_exercises(live_job: LiveJob, folders: Folders) -> None:
    """Participants see the numbers change as the guide's page on the job says."""
    page = PAGES["50-read-the-job"]
    folders.put(f"{DAY}/a.gz", lines(*(record for record, _ in SHAPES.values())))
    before = check(live_job, folders).accounting

    (events,) = re.findall(r"`--SUPPORTED_EVENTS` to\s+`(.+?)`", page)
    without_clicks = check(live_job, folders, SUPPORTED_EVENTS=events).accounting
    assert without_clicks["kept"] < before["kept"]
    assert next(iter(without_clicks["other_events"])) == "Product Clicked"

    (rule,) = [
        line.strip()
        for line in blocks("python")
        if line.strip().count("\n") == 0 and "NO_SKU" in line
    ]
    assert "write `!= 1` instead of `== 0`" in page
    edited = folders.base / "script.py"
    text = SCRIPT.read_text(encoding="utf-8")
    edited.write_text(text.replace(rule, rule.replace("== 0", "!= 1")), encoding="utf-8")
    assert live_job.run(folders, script=edited).error == ""
    of_single_products = folders.accounting()
    assert of_single_products["rows_written"] == of_single_products["kept"]
    assert of_single_products["filtered"]["no SKU"] > before["filtered"]["no SKU"]
