"""The job script on small folders, started the way a user's `transform` starts it."""

import gzip
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from workshop.local.spark import QUICK_START, Finished, ScriptRun, run_script

SCRIPT = Path(__file__).parents[2] / "glue_scripts" / "segment_events_to_csv.py"
TEMPLATE_SHARE = 11_000  # bytes that the event template has room for
DAY = "website-prod/1466467200000"


def event(message: str | None, **fields: object) -> dict[str, object]:
    """Make a Product Clicked event that the job keeps, with some fields set to something else."""
    record: dict[str, object] = {
        "messageId": message,
        "type": "track",
        "event": "Product Clicked",
        "userId": "anna",
        "timestamp": "2016-06-21T10:00:45.123Z",
        "properties": {"sku": "shoe", "price": 12.5},
        "context": {"page": {"path": "/shoe"}},
    }
    return {name: value for name, value in (record | fields).items() if value is not None}


def skus(*names: object) -> dict[str, object]:
    return {"products": [{"sku": name, "quantity": 1} for name in names]}


# Each record with the rows that it has to become: user, item, event, seconds.
SHAPES: list[tuple[dict[str, object], list[tuple[str, str, str, int]]]] = [
    (event("plain"), [("anna", "shoe", "Product Clicked", 1466503245)]),
    (
        event("added", event="Product Added", userId="bert"),
        [("bert", "shoe", "Product Added", 1466503245)],
    ),
    # Segment's Order Completed has its SKUs in products; the workshop's own test data does not.
    (
        event("order", event="Order Completed", properties=skus("a", None, " ", "b", "b")),
        [("anna", sku, "Order Completed", 1466503245) for sku in ("a", "b", "b")],
    ),
    (
        event("own", event="Order Completed", properties={"sku": "own"} | skus("other")),
        [("anna", "own", "Order Completed", 1466503245)],
    ),
    (
        event("blank", event="Order Completed", properties={"sku": " "} | skus("x")),
        [("anna", "x", "Order Completed", 1466503245)],
    ),
    (
        event("number", userId=42, properties={"sku": 7.50}),
        [("42", "7.5", "Product Clicked", 1466503245)],
    ),
    (event("trimmed", userId=" eva "), [("eva", "shoe", "Product Clicked", 1466503245)]),
    *[
        (event(text, timestamp=text, userId="time"), [("time", "shoe", "Product Clicked", seconds)])
        for text, seconds in (
            ("2016-06-21T10:00:46Z", 1466503246),
            ("2016-06-21T10:00:47.9Z", 1466503247),
            ("2016-06-21T10:00:48.99Z", 1466503248),
            ("2016-06-21T10:00:49.123456Z", 1466503249),
            ("2016-06-21T10:00:50.999999999Z", 1466503250),
            ("2016-06-21T03:00:51.999-07:00", 1466503251),
            ("2016-06-21T15:30:52+0530", 1466503252),
            ("2016-06-21T12:00:53+02", 1466503253),
            ("2016-06-21T10:00:54.5", 1466503254),
            ("1969-12-31T23:59:59.5Z", -1),
        )
    ],
    *[
        (
            event(f"sku {sku}", properties={"sku": sku}),
            [("anna", sku, "Product Clicked", 1466503245)],
        )
        for sku in (
            "a,b",
            'say "hi"',
            'back\\"slash',
            "back\\",
            "#1",
            "größe ü",
            "two\nlines",
            "a b",
        )
    ],
    # Without a messageId nothing is known to be a duplicate.
    (event(None, userId="nobody"), [("nobody", "shoe", "Product Clicked", 1466503245)]),
    (event(None, userId="nobody"), [("nobody", "shoe", "Product Clicked", 1466503245)]),
    # A property of a type that Segment does not document: the rest of the record still counts.
    (
        event("odd", userId="odd", properties={"sku": "odd", "products": "none"}),
        [("odd", "odd", "Product Clicked", 1466503245)],
    ),
]
OTHER_EVENTS = [
    event("viewed", event="Product Viewed"),
    event("page", type="page", event=None),
    event("case", event="product clicked"),
    {},
]
ANONYMOUS = [event("anonymous", userId=None), event("empty", userId="  ")]
WITHOUT_SKU = [
    event("no properties", properties=None),
    event("id only", properties={"product_id": "1"}),
    event("no products", event="Order Completed", properties={"products": []}),
    event("nulls", event="Order Completed", properties=skus(None, "")),
    event("text", properties="shoe"),
]
BAD_TIMESTAMPS = [
    event(f"bad {text}", timestamp=text)
    for text in ("", "yesterday", "2016-06-21", "T10:00:00Z", "2016-13-21T10:00:00Z", 1466503245)
] + [event("no time", timestamp=None)]
NOT_JSON = ['{"messageId":"cut","userId":"an', "hello", "{'messageId':'single'}", "42", "null"]
# Both have one messageId: the earliest stays, wherever they lie.
DUPLICATES = [
    event("plain", timestamp="2016-06-21T11:00:00Z", userId="late"),
    event("plain"),
]


@dataclass(frozen=True)
class Transformed:
    """What one run left behind."""

    finished: Finished
    output: list[str]
    folder: Path
    listened: set[str]

    @property
    def accounting(self) -> dict[str, Any]:
        line = next(line for line in self.output if line.startswith("ACCOUNTING "))
        accounting: dict[str, Any] = json.loads(line.removeprefix("ACCOUNTING "))
        return accounting

    @property
    def csv(self) -> bytes:
        (file,) = self.folder.iterdir()
        return file.read_bytes()


def lines(records: Iterable[dict[str, object]]) -> list[str]:
    return [json.dumps(record, ensure_ascii=False) for record in records]


def write(file: Path, *texts: str) -> None:
    """Write the lines: gzipped, in two members, when the file's name says so."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = len(texts) // 2
    members = ["".join(f"{text}\n" for text in part) for part in (texts[:half], texts[half:])]
    if file.suffix == ".gz":
        file.write_bytes(b"".join(gzip.compress(member.encode()) for member in members))
    else:
        file.write_text("".join(members), encoding="utf-8")


def arguments(source: Path, target: Path) -> list[str]:
    paths = ["--S3_JSON_INPUT_PATH", str(source), "--S3_CSV_OUTPUT_PATH", str(target)]
    return ["--JOB_NAME", "test", *paths]


def listening(process: psutil.Process) -> set[str]:
    """The addresses that the process and its children listen on."""
    found = set()
    for member in [process, *process.children(recursive=True)]:
        try:
            connections = member.net_connections()
        except psutil.Error:
            continue
        found |= {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}
    return found


def transform(source: Path, target: Path) -> Transformed:
    """Run the script and note what its processes listen on meanwhile."""
    output: list[str] = []
    run = ScriptRun(
        SCRIPT,
        arguments(source, target),
        log=lambda stream, line: output.append(line) if stream == "output" else None,
    )
    me = psutil.Process()
    own = listening(me)
    listened: set[str] = set()
    while not run.ended():
        listened |= listening(me)
        time.sleep(0.1)
    return Transformed(run.wait(), output, target, listened - own)


@pytest.fixture(scope="module")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """One run over every shape, onto the CSV of an earlier run and what a killed run left."""
    base = tmp_path_factory.mktemp("shapes")
    source, target = base / "segment-logs", base / "transformed"
    write(source / DAY / "shapes.gz", *lines(record for record, _ in SHAPES))
    write(source / "ios-prod/1466553600000/others.gz", *lines(OTHER_EVENTS), "", "  ")
    write(source / "ios-prod/1466553600000/plain.json", *lines(ANONYMOUS + WITHOUT_SKU))
    write(source / "android-prod/1466553600000/bad.gz", *lines(BAD_TIMESTAMPS), *NOT_JSON)
    write(source / "android-prod/1466553600000/again.gz", *lines(DUPLICATES))
    write(source / "android-prod/1466553600000/empty.gz")
    write(target / "run-1-part-r-00000.csv", "the run before")
    write(base / "transformed-staging" / "run-2" / "part-00000", "a run that was killed")
    return transform(source, target)


def expected_csv() -> bytes:
    """Make the CSV that SHAPES has to become, by hand."""

    def quoted(text: str) -> str:
        needed = any(character in text for character in ',"\r\n')
        return '"' + text.replace('"', '""') + '"' if needed else text

    rows = sorted(
        (seconds, user, item, name)
        for _, becomes in SHAPES
        for user, item, name, seconds in becomes
    )
    csv = [
        f"{quoted(user)},{quoted(item)},{name},{seconds}\n" for seconds, user, item, name in rows
    ]
    return "".join(["USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n", *csv]).encode()


def test_every_shape_becomes_the_rows_that_it_should(transformed: Transformed) -> None:
    """Else interactions are missing, invented, shifted in time or unreadable in Personalize."""
    assert transformed.finished == Finished(0, "")
    assert transformed.csv.decode().splitlines() == expected_csv().decode().splitlines()
    assert transformed.csv == expected_csv()


def test_every_record_is_accounted_for(transformed: Transformed) -> None:
    """Else a user cannot tell data that was not for training from data that was lost."""
    rejected = {"not JSON": len(NOT_JSON), "unreadable timestamp": len(BAD_TIMESTAMPS)}
    filtered = {
        "other event": len(OTHER_EVENTS),
        "no userId": len(ANONYMOUS),
        "no SKU": len(WITHOUT_SKU),
    }
    assert transformed.accounting == {
        "records_read": len(SHAPES)
        + len(DUPLICATES)
        + sum(filtered.values())
        + sum(rejected.values()),
        "kept": len(SHAPES),
        "duplicates": len(DUPLICATES),
        "filtered": filtered,
        "rejected": rejected,
        "rows_written": sum(len(rows) for _, rows in SHAPES),
    }
    assert any(line.split() == ["filtered", "no", "userId", "2"] for line in transformed.output)


def test_the_output_folder_has_one_csv_and_nothing_else(transformed: Transformed) -> None:
    """Else Personalize imports an old run, a marker or a checksum file along with the data."""
    (file,) = transformed.folder.iterdir()
    milliseconds = file.name.removeprefix("run-").removesuffix("-part-r-00000.csv")
    assert abs(int(milliseconds) / 1000 - time.time()) < 600
    assert sorted(path.name for path in transformed.folder.parent.iterdir()) == [
        "segment-logs",
        "transformed",
    ]


def test_nothing_listens_beyond_loopback(transformed: Transformed) -> None:
    """Else a rehearsal on a laptop opens Spark's ports to the network it is on."""
    assert transformed.listened
    assert transformed.listened <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_the_same_records_in_other_files_give_the_same_csv(
    transformed: Transformed, tmp_path: Path
) -> None:
    """Else two runs on the same data cannot be compared, and duplicates are chosen at random."""
    records = [record for record, _ in SHAPES][::-1]
    write(tmp_path / "in" / "1.json", *lines(DUPLICATES + records[::2]))
    write(tmp_path / "in" / "2.gz", *lines(records[1::2]))
    assert transform(tmp_path / "in", tmp_path / "out").csv == transformed.csv


def test_without_a_kept_record_the_run_fails_and_the_csv_stays(tmp_path: Path) -> None:
    """Else a wrong input path replaces good training data by an empty file."""
    write(tmp_path / "in" / "a.gz", *lines(OTHER_EVENTS), "cut")
    write(tmp_path / "out" / "run-1-part-r-00000.csv", "the run before")
    result = transform(tmp_path / "in", tmp_path / "out")
    assert result.finished.exit_code == 1
    assert result.finished.error_message.startswith(f"ValueError: no record of {tmp_path}/in was")
    assert '"other event": 4' in result.finished.error_message
    assert result.csv == b"the run before\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_an_argument_that_is_missing_is_named(tmp_path: Path) -> None:
    """Else a typing error in a job parameter ends in a stack trace about something else."""
    words = [*arguments(tmp_path, tmp_path)[:4], "--S3_CSV_OUTPUT", str(tmp_path)]
    finished = run_script(SCRIPT, words, java_options=QUICK_START, log=lambda _stream, _line: None)
    assert finished.error_message == (
        "GlueArgumentError: the following arguments are required: --S3_CSV_OUTPUT_PATH"
    )


def test_the_script_fits_the_event_template() -> None:
    """Else the event template outgrows the 51,200 bytes that CloudFormation takes directly."""
    assert SCRIPT.stat().st_size <= TEMPLATE_SHARE
