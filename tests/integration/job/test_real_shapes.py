"""What Segment writes and what happens to it on the way, case by case."""

import gzip
import json
import re
import time
from collections import Counter
from datetime import UTC, date, datetime

import psutil
import pytest

from tests.support.guide import PAGES, blocks
from tests.support.live_job import DAY, SCRIPT, Folders, LiveJob, Outcome, csv_lines_of
from tests.support.reference import EVENTS, REJECTED, Result, transform

NEXT_DAY, THIRD_DAY = "ios-prod/1466553600000", "android-prod/1466640000000"
# Product Clicked and Order Completed as the e-commerce v2 specification shows them.
PRODUCT = {
    "product_id": "507f1f77bcf86cd799439011",
    "sku": "G-32",
    "category": "Games",
    "name": "Monopoly: 3rd Edition",
    "brand": "Hasbro",
    "variant": "200 pieces",
    "price": 18.99,
    "quantity": 1,
    "coupon": "MAYDEALS",
    "position": 3,
    "url": "https://www.example.com/product/path",
    "image_url": "https://www.example.com/product/path.jpg",
}
ORDER = {
    "checkout_id": "fksdjfsdjfisjf9sdfjsd9f",
    "order_id": "50314b8e9bcf000000000000",
    "affiliation": "Google Store",
    "total": 27.50,
    "products": [
        PRODUCT,
        PRODUCT | {"product_id": "505bd76785ebb509fc183733", "sku": "46493-32", "name": "Uno"},
    ],
}


def event(message: str | None, **fields: object) -> str:
    """Write a Product Clicked event that the job keeps, with some fields set to another value."""
    record: dict[str, object] = {
        "messageId": message,
        "type": "track",
        "event": "Product Clicked",
        "userId": "anna",
        "timestamp": "2016-06-21T10:00:45.123Z",
        "properties": {"sku": "shoe", "price": 12.5},
        "context": {"page": {"path": "/shoe"}, "traits": None, "campaign": {"name": None}},
    }
    return json.dumps(record | fields, ensure_ascii=False)


def lines(*records: str) -> str:
    return "".join(f"{record}\n" for record in records)


def check(job: LiveJob, folders: Folders, **options: object) -> Result:
    """Run the job, hold everything that it leaves against the reference, give the latter."""
    start, end = (options.get(name) for name in ("START_DATE", "END_DATE"))
    expected = transform(
        folders.source,
        datetime.now(UTC),
        str(options.get("SUPPORTED_EVENTS", ",".join(EVENTS))).split(","),
        start if isinstance(start, date) else None,
        end if isinstance(end, date) else None,
    )
    outcome = job.run(folders, **options)
    assert outcome.error == ""
    assert folders.csv_lines() == csv_lines_of(expected.rows)
    assert folders.rejected_records() == sorted(expected.rejected, key=str)
    assert json.dumps(folders.accounting()) == json.dumps(expected.accounting)
    assert printed(outcome) == expected.accounting
    return expected


def printed(outcome: Outcome) -> object:
    (line,) = [line for line in outcome.output if line.startswith("ACCOUNTING ")]
    return json.loads(line.removeprefix("ACCOUNTING "))


def left(folders: Folders) -> list[str]:
    return sorted(path.name for path in folders.base.iterdir())


SHAPES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "clicked": (event("1", properties=PRODUCT), [("anna", "G-32")]),
    "added": (event("2", event="Product Added", properties=PRODUCT), [("anna", "G-32")]),
    "order": (
        event("3", event="Order Completed", properties=ORDER),
        [("anna", "46493-32"), ("anna", "G-32")],
    ),
    "order with a SKU of its own": (
        event("4", event="Order Completed", properties=ORDER | {"sku": "own"}),
        [("anna", "own")],
    ),
    "order with an empty one": (
        event("5", event="Order Completed", properties=ORDER | {"sku": " "}),
        [("anna", "46493-32"), ("anna", "G-32")],
    ),
    "a product twice": (
        event("6", properties={"products": [{"sku": "b"}, {"sku": "a"}, {"sku": "b"}]}),
        [("anna", "a"), ("anna", "b"), ("anna", "b")],
    ),
    "nulls": (
        event("7", properties={"sku": None, "products": [None, {"sku": None}, {"sku": "x"}]}),
        [("anna", "x")],
    ),
    "properties as a text": (event("8", properties='{"sku": "shoe"}'), []),
    "properties as an array": (event("9", properties=[{"sku": "shoe"}]), []),
    "products as an object": (event("10", properties={"products": {"sku": "x"}}), []),
    "products as a text": (event("11", properties={"products": '[{"sku":"x"}]'}), []),
    "elements of all types": (
        event("12", properties={"products": ["x", 1, [{"sku": "y"}], {"sku": ["z"]}, {"sku": 2}]}),
        [("anna", "2")],
    ),
    "a product as a text": (
        event("20", properties={"products": ['{"sku": "x"}', '{"sku": "y"']}), [("anna", "x")]
    ),
    "braces": (
        event("{21}", userId="{3f2504e0-4f89}", properties={"sku": "[SALE] shoe"}),
        [("{3f2504e0-4f89}", "[SALE] shoe")],
    ),
    "braces again": (event("{21}", userId="{3f2504e0-4f89}", properties={"sku": "hat"}), []),
    "SKU as an object": (event("13", properties={"sku": {"id": "x"}}), []),
    "numbers": (event("14", userId=42, properties={"sku": 7.50}), [("42", "7.5")]),
    "a large number": (
        event("15", userId=10**30 + 1, properties={"sku": True}),
        [(f"{10**30 + 1}", "true")],
    ),
    "keys twice": (event("16")[:-1] + ', "userId": "bert", "properties": {"sku": "hat"}}',
        [("bert", "hat")]),
    "nested key twice": (
        event("17").replace('"sku": "shoe"', '"sku": "shoe", "sku": "hat"'), [("anna", "hat")]
    ),
    "a field far away": (
        event("18", properties={"x": {"sku": "no"}, "y": [{"sku": "no"}]}, sku="no"), []
    ),
    "escapes": (
        event("19").replace('"anna"', r'"\u0061\u006ena"').replace("userId", r"us\u0065rId"),
        [("anna", "shoe")],
    ),
    **{
        f"SKU {sku}": (event(f"sku {sku}", properties={"sku": sku}), [("anna", sku)])
        for sku in ("a,b", 'say "hi"', '"', "back\\", '\\"', "#1", "größe", "日本", "😀", "a b")
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory, live_job: LiveJob) -> Folders:
    """One run over all shapes."""
    folders = Folders(tmp_path_factory.mktemp("shapes"))
    folders.put(f"{DAY}/shapes.gz", lines(*(record for record, _ in SHAPES.values())))
    check(live_job, folders)
    return folders


def test_every_shape_becomes_the_rows_that_it_should(shapes: Folders) -> None:
    """Else interactions are missing, invented or unreadable in Personalize."""
    rows = [
        (1466503245, user, item, json.loads(record)["event"])
        for record, pairs in SHAPES.values()
        for user, item in pairs
    ]
    assert shapes.csv_lines() == csv_lines_of(sorted(rows))
    assert shapes.accounting()["filtered"] == {"other event": 0, "no userId": 0, "no SKU": 6}


def test_the_folders_have_what_they_should_and_nothing_else(shapes: Folders) -> None:
    """Else Personalize imports a marker or a checksum file along with the data."""
    (file,) = shapes.csvs()
    run = file.name.removesuffix("-part-r-00000.csv")
    assert abs(int(run.removeprefix("run-")) / 1000 - time.time()) < 3600
    assert [folder.name for folder in shapes.rejected.iterdir()] == [run]
    assert left(shapes) == ["rejected", "segment-logs", "transformed"]


def test_nothing_listens_beyond_loopback(live_job: LiveJob, shapes: Folders) -> None:
    """Else a rehearsal on a laptop opens Spark's ports to the network it is on."""
    del live_job, shapes  # it has run
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    sockets = [socket for process in processes for socket in process.net_connections()]
    addresses = {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert addresses
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_files_of_every_kind(live_job: LiveJob, folders: Folders) -> None:
    """Else a file that Segment, a copy or an editor wrote in its own way is lost or misread."""
    bom = b"\xef\xbb\xbf"
    folders.put(f"{DAY}/crlf.json", lines(event("1"), event("2")).replace("\n", "\r\n"))
    folders.put(f"{DAY}/cr.txt", lines(event("3"), event("4")).replace("\n", "\r"))
    folders.put(f"{DAY}/bom.gz", bom + event("5").encode() + b"\n" + event("6").encode())
    folders.put(f"{DAY}/blank.gz", f"\n\r\n  \n\t\n{event('7')}\n\n \t \n", "\n\n")
    folders.put(f"{DAY}/empty.json", "")
    folders.put(f"{DAY}/empty.gz", "")
    (folders.source / DAY / "no-bytes.gz").touch()
    folders.put(f"{DAY}/only-blank.gz", " \n\n\t")
    folders.put(f"{DAY}/members.gz", event("8")[:40], event("8")[40:] + "\n", "", event("9"))
    folders.put(f"{DAY}/deeper/and/deeper/plain", event("10"))
    folders.put("not-a-source.json", event("11"))
    folders.put("ios prod/ü %41+,=.gz", event("12"), "x")
    for name in ("_SUCCESS", ".a.gz.crc", "_temporary/a.gz", ".git/a.json"):
        folders.put(f"{DAY}/{name}", event(f"hidden {name}"))
    expected = check(live_job, folders)
    assert expected.accounting["kept"] == 11
    assert expected.accounting["rejected"]["not JSON"] == 1


def test_lines_of_a_megabyte(live_job: LiveJob, folders: Folders) -> None:
    """Else one event with a large property stops the job, or is cut."""
    folders.put(
        f"{DAY}/long.gz",
        lines(
            event("1", context={"text": "x" * 2**20}),
            event("2", properties={"products": [{"sku": f"{n}"} for n in range(20_000)]}),
            event("3", userId="x" * 2**20),
            "y" * 2**20,
            event("4"),
        ),
    )
    assert check(live_job, folders).accounting["kept"] == 3


def test_a_large_file_is_split_and_read_once(live_job: LiveJob, folders: Folders) -> None:
    """Else lines are lost or doubled where it is split, or the counts cost a second scan."""
    text = "x" * 1000
    records = (
        event(f"{n}", event="Product Clicked" if n % 50 == 0 else "Page", context={"text": text})
        for n in range(20_000)
    )
    size = folders.put(f"{DAY}/large.json", lines(*records)).stat().st_size
    assert size > 2 * 8 * 2**20

    def bytes_read() -> int:
        processes = psutil.Process().children(recursive=True)
        return sum(process.io_counters().read_chars for process in processes)

    check(live_job, folders)  # Java has read its classes then
    before = bytes_read()
    check(live_job, folders)
    assert size < bytes_read() - before < 1.5 * size


NOT_JSON = [
    event("cut")[:-9],
    event("cut")[:-1],
    event("more") + "x",
    event("two") + " {}",
    event("two") + event("two"),
    "{} {}",
    "{}x",
    "[]",
    "[{}]",
    "1",
    "null",
    '"text"',
    "hello",
    "{'event': 'single'}",
    '{"a": NaN}',
    "{a: 1}",
    '{"a": 1,}',
    '{"a": 01}',
    '{"a": "\t"}',
    # What is wrong is in a field that is read, and what comes after it is well again.
    event("x", userId="1").replace('"1"', '"1\t"'),
    event("x", userId="1").replace('"1"', '"\\x"'),
    event("x", userId="1").replace('"1"', '{"a": 1,}'),
    event("x", properties={"sku": "1", "price": 1}).replace("1}", "1,}"),
    event("x", properties={"sku": 1}).replace("1", '{"a": "b",}'),
    event("x", properties={"products": [{"sku": 1}, {"sku": 2}]}).replace("1}", "1,}"),
    event("x", properties={"products": [1, 2]}).replace("2]", "2,]"),
    event("x", properties="1").replace('"1"', "01"),
    event("x", timestamp="1").replace('"1"', "NaN"),
    event("x", properties="no object") + event("y", properties="no object"),
    '{"a": "\\x"}',
    "{}\x00",
    "\ufeff{}",
    "\x0c",
]


def test_what_is_not_json_is_kept_for_a_look(live_job: LiveJob, folders: Folders) -> None:
    """Else data that was damaged is gone without a trace, or half of it becomes an interaction."""
    file = folders.put(f"{DAY}/a.gz", lines(event("good"), *NOT_JSON))
    latin = folders.put(f"{DAY}/b.json", event("latin", userId="größe").encode("latin-1"))
    outcome = live_job.run(folders)
    assert outcome.error == ""
    found = folders.rejected_records()
    damaged = (event("latin", userId="größe").replace("ö", "\ufffd").replace("ß", "\ufffd"), latin)
    expected = [("not JSON", file, text) for text in NOT_JSON]
    assert sorted(found, key=str) == sorted(
        [*expected, ("unusable identifier", damaged[1], damaged[0])], key=str
    )
    assert folders.accounting()["rejected"]["not JSON"] == len(NOT_JSON)
    assert folders.accounting()["kept"] == 1


TIMES = {
    "2016-06-21T10:00:46Z": 1466503246,
    "2016-06-21T10:00:47.9Z": 1466503247,
    "2016-06-21T10:00:48.99Z": 1466503248,
    "2016-06-21T10:00:49.123456Z": 1466503249,
    "2016-06-21T10:00:50.999999999Z": 1466503250,
    "2016-06-21T03:00:51.999-07:00": 1466503251,
    "2016-06-21T15:30:52+0530": 1466503252,
    "2016-06-21T12:00:53+02": 1466503253,
    "2016-06-21T10:00:54.5": 1466503254,
    "2016-06-22T04:00:55+18:00": 1466503255,
    "2000-01-01T00:00:00Z": 946684800,
    # Java's OffsetDateTime leaves out the seconds of a full minute.
    "2016-06-21T10:01Z": 1466503260,
    "2016-06-21T10:02": 1466503320,
    "2016-06-21T12:03+02:00": 1466503380,
    "2016-06-21T03:04-0700": 1466503440,
    "1999-12-31T23:59:59-00:01": 946684859,
    "2020-02-29T23:59:59Z": 1583020799,
}
NO_TIMES: list[object] = [
    *("", "yesterday", "2016-06-21", "T10:00:00Z", "T10:00Z", "2016-06-21 10:00:00Z"),
    *("2016-13-21T10:00:00Z", "2019-02-29T00:00:00Z", "2016-06-31T00:00:00Z"),
    *("2016-06-21T24:00:00Z", "2016-06-21T23:59:60Z", "2016-06-21T10:00:00.1234567890Z"),
    *(
        "2016-06-21T10:00.5Z",
        "2016-06-21T10Z",
        "2016-06-21T10:00:00+18:01",
        "2016-06-21T10:00:00+05:60",
        "2016-06-21T10:00:00.Z",
    ),
    *(
        " 2016-06-21T10:00:00Z",
        "2016-06-21T10:00:00Z\n",
        "2016-06-21T10:00:00z",
        "٢016-06-21T10:00:00",
    ),
    *("1999-12-31T23:59:59.999999999Z", "2000-01-01T00:00:00+00:01", "0000-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-18:00", None, 1466503245, True, {}, ["x"]),
]


def test_timestamps_of_every_form(live_job: LiveJob, folders: Folders) -> None:
    """Else interactions are shifted in time, or a broken clock's are learned from."""
    now = time.time()
    near, far = (datetime.fromtimestamp(now + hours * 3600, UTC).isoformat() for hours in (23, 25))
    good = {**TIMES, near: int(now + 23 * 3600)}
    bad = [event(f"bad {n}", timestamp=text) for n, text in enumerate([*NO_TIMES, far])]
    records = [event(text, timestamp=text, userId=text) for text in good]
    file = folders.put(f"{DAY}/a.gz", lines(*records, *bad))
    expected = check(live_job, folders)
    assert {user: seconds for seconds, user, _, _ in expected.rows} == good
    assert sorted(expected.rejected) == sorted(("unusable timestamp", file, text) for text in bad)


def test_identifiers_that_personalize_takes_and_others(live_job: LiveJob, folders: Folders) -> None:
    """Else Personalize refuses the whole import for one identifier."""
    good = [
        "x" * 256,
        "😀" * 256,
        f"  {'é' * 256} ",
        "\xa0",
        "\u2028",
        "null",
        "NaN",
        *("}", "{", "[x", "{1}"),
        "a\u0300",
    ]
    bad = ["x" * 257, "😀" * 257, "a\tb", "\t", "a\n", "\x00", "\x1f", "\x7f", "a\x80", "\x9f"]
    missing = ["", "   ", "{}", ' ["x"]', {}, [], ["x"], {"a": "x"}, None]
    records = [
        event(f"{kind} {n} {value == user}", userId=user, properties={"sku": sku})
        for kind, values in (("good", good), ("bad", bad), ("missing", missing))
        for n, value in enumerate(values)
        for user, sku in ((value, "shoe"), ("anna", value))
    ]
    several = event("two", properties={"products": [{"sku": "shoe"}, {"sku": "x" * 257}]})
    folders.put(f"{DAY}/a.gz", lines(*records, several))
    counts = check(live_job, folders).accounting
    assert counts["kept"] == counts["rows_written"] == 2 * len(good)
    assert counts["rejected"]["unusable identifier"] == 2 * len(bad) + 1
    assert counts["filtered"] == {
        "other event": 0,
        "no userId": len(missing),
        "no SKU": len(missing),
    }


def test_damaged_gzip_files_cost_no_more_than_their_rest(
    live_job: LiveJob, folders: Folders
) -> None:
    """Else one broken upload stops the job, or its loss is not noticed."""
    names = ("cut", "header", "trailer", "corrupt", "garbage", "plain")
    texts = [lines(*(event(f"{name} {n}", userId=name) for n in range(2000))) for name in names]
    wholes = [gzip.compress(text.encode()) for text in texts]
    middle = len(wholes[0]) // 2
    damaged = {
        "cut": wholes[0][:middle],
        "header": wholes[1][:5],
        "trailer": wholes[2][:-4],
        "corrupt": wholes[3][:middle] + bytes(200) + wholes[3][middle + 200 :],
        "garbage": wholes[4] + b"no gzip member",
        "plain": texts[5].encode(),
    }
    for name, content in damaged.items():
        folders.put(f"{DAY}/{name}.gz").write_bytes(content)
    folders.put(f"{NEXT_DAY}/good.gz", lines(*(event(f"{n}", userId="good") for n in range(10))))
    assert live_job.run(folders).error == ""
    counts, rejected = folders.accounting(), folders.rejected_records()
    files = [folders.source / DAY / f"{name}.gz" for name in damaged]
    broken = [record for record in rejected if record[0] == "truncated gzip"]
    assert broken == sorted(("truncated gzip", file, None) for file in files)
    # Corrupt data may be read for a while before that is noticed.
    partial = [file for _, file, text in rejected if text is not None and file != files[3]]
    assert len(partial) == len(set(partial)) <= len(files)
    kept = Counter(line.split(",")[0] for line in folders.csv_lines())
    assert kept["trailer"] == kept["garbage"] == 2000
    assert 500 < kept["cut"] < 2000
    assert (kept["header"], kept["good"]) == (0, 10)
    other = sum(counts["filtered"].values()) + counts["duplicates"]
    assert counts["records_read"] == counts["kept"] + other + len(rejected)


def test_the_day_folders_in_range(live_job: LiveJob, folders: Folders) -> None:
    """Else a daily run reads all that there ever was, or misses a day."""
    noon = "web/1466596800000"  # not Segment's, but a moment of the second day
    folders.put(f"{noon}/a.gz", event("noon", userId="noon of day 1"))
    for number, day in enumerate((DAY, NEXT_DAY, THIRD_DAY)):
        folders.put(f"{day}/a.gz", event(f"{number}", userId=f"day {number}"))
        folders.put(f"{day}/deeper/b.json", event(f"deeper {number}", userId=f"day {number}"))
    for name in ("a.json", "website-prod/b.gz", "website-prod/x/c.gz", "_hidden/1466553600000/a"):
        folders.put(name, event(name))
    first, second = date(2016, 6, 21), date(2016, 6, 22)
    days = {}
    for start, end in ((second, second), (second, None), (None, first)):
        expected = check(live_job, folders, START_DATE=start, END_DATE=end)
        days[start, end] = "".join(sorted({user[-1] for _, user, _, _ in expected.rows}))
    assert list(days.values()) == ["1", "12", "0"]


def test_days_without_a_folder_are_a_run_without_a_record(
    live_job: LiveJob, folders: Folders
) -> None:
    """Else a day on which nothing was sent looks like a job that is broken."""
    folders.put(f"{DAY}/a.gz", event("1"))
    outcome = live_job.run(folders, START_DATE="2017-01-01")
    assert outcome.error.startswith("ValueError: ")
    assert folders.accounting()["records_read"] == 0


def test_the_events_asked_for(live_job: LiveJob, folders: Folders) -> None:
    """Else a shop whose events have other names cannot use the job."""
    events = ["Product Viewed", "Größe, gewählt", "Product Clicked", "Product Added"]
    folders.put(f"{DAY}/a.gz", lines(*(event(name, event=name) for name in events)))
    expected = check(live_job, folders, SUPPORTED_EVENTS="Product Viewed,Product Added")
    assert expected.accounting["kept"] == 2


def test_large_output_is_several_files(live_job: LiveJob, folders: Folders) -> None:
    """Else one CSV outgrows what can be imported, or many cannot be put in one order again."""
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


def test_two_runs_give_the_same_bytes(live_job: LiveJob, folders: Folders) -> None:
    """Else two runs on the same data cannot be compared, and duplicates are chosen at random."""
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
    """Else Personalize imports two runs at once, or half a one."""
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
    """Else a wrong input path replaces good training data by an empty file."""
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
    """Else a typing error costs a run, or files in the wrong place."""
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
    """Else a typing error in a job parameter ends in a stack trace about something else."""
    for name in ("S3_JSON_INPUT_PATH", "S3_CSV_OUTPUT_PATH", "S3_REJECTED_PATH"):
        assert live_job.run(folders, **{name: None}).error == (
            f"GlueArgumentError: the following arguments are required: --{name}"
        )


# What a folder's name may have, and Hadoop, Spark, a URI or a glob reads as something else.
ODD_FOLDERS = [
    "my logs", "größe 日本", "a (b) [c] {d,e}", "*?", "+,@&='", "100% %20 %41", "a#b", "a:b",
    "back\\slash", 'quo"te', " around ", "$HOME ~ !", "new\nline", "[!a]", "tab\there", "a;b|c<d>",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD_FOLDERS)
def test_a_folder_may_have_any_name(live_job: LiveJob, folders: Folders, name: str) -> None:
    """The job reads, writes and rejects in the folders that it is given, and in no others."""
    odd = Folders(folders.base / name)
    odd.put(f"{DAY}/a.gz", event("1"), "\n{\n")
    odd.put(f"{name}/1466467200000/b.json", event("2"))
    odd.put(f"{name}/1466553600000/{name}.json", event("3"))
    for options, kept in (
        ({}, 3),
        ({"START_DATE": date(2016, 6, 21), "END_DATE": date(2016, 6, 21)}, 2),
    ):
        expected = check(live_job, odd, **options)
        assert expected.accounting["kept"] == kept
        assert [path.name for path in folders.base.iterdir()] == [name]
        assert left(odd) == ["rejected", "segment-logs", "transformed"]


def test_names_that_are_found_are_paths_and_not_patterns(
    live_job: LiveJob, folders: Folders
) -> None:
    """A source `a*` is not read instead of, or in addition to, those that it would match."""
    for source in ("a*", "ab", "shop {eu,us}", "shop eu", "web [prod]", "web p"):
        folders.put(f"{source}/1466467200000/1.gz", event(source, userId=source))
    expected = check(live_job, folders, START_DATE=date(2016, 6, 21))
    assert expected.accounting["kept"] == expected.accounting["records_read"] == 6


def test_zeros_in_a_gzip_cost_no_more_than_what_follows_them(
    live_job: LiveJob, folders: Folders
) -> None:
    """Tape, block devices and some tools fill files up with zeros; the run goes on."""
    good = gzip.compress(lines(event("good")).encode())
    for number, zeros in enumerate((1, 2, 7, 512, 70_000)):
        first, second = (
            gzip.compress(lines(event(f"{number} {which}")).encode()) for which in "ab"
        )
        folders.put(f"{DAY}/after{number}.gz").write_bytes(first + bytes(zeros))
        folders.put(f"{NEXT_DAY}/between{number}.gz").write_bytes(second + bytes(zeros) + good)
    folders.put(f"{THIRD_DAY}/before.gz").write_bytes(bytes(9) + good)
    folders.put(f"{THIRD_DAY}/good.gz").write_bytes(good)
    expected = check(live_job, folders)
    assert expected.accounting["kept"] == 11
    assert expected.accounting["rejected"]["truncated gzip"] == 11


LIMIT = 8 * 2**20  # bytes of a line that are held in memory


def test_a_line_too_long_to_hold_is_rejected_and_the_run_goes_on(
    live_job: LiveJob, folders: Folders
) -> None:
    """Hadoop skips such a line without a word: it would be lost and not be counted."""
    long = event("long", context={"text": "x" * LIMIT})
    whole = event("whole", context={"text": "x" * (LIMIT - 1000)})
    folders.put(f"{DAY}/in-the-middle.gz", lines(event("1"), long, event("2"), long, event("3")))
    folders.put(f"{DAY}/at-the-end.json", lines(event("4"), whole) + long)
    folders.put(f"{NEXT_DAY}/alone.gz", long)
    folders.put(f"{NEXT_DAY}/good.gz", lines(event("5")))
    cut = folders.put(f"{THIRD_DAY}/cut.gz", lines(event("6"), long, event("7")) + "x" * 999)
    cut.write_bytes(cut.read_bytes()[:-8])
    expected = check(live_job, folders)
    assert expected.accounting["kept"] == 8
    assert expected.accounting["rejected"] == dict.fromkeys(REJECTED, 0) | {
        "line too long": 5,
        "truncated gzip": 1,
    }


def test_a_line_of_gigabytes_does_not_stop_the_run(live_job: LiveJob, folders: Folders) -> None:
    """A gzip of 1.2 MB that anybody may write into the logs has stopped every run of the job."""
    bomb = folders.put(f"{DAY}/bomb.gz")
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(1200):
            file.write(b"x" * 2**20)
    folders.put(f"{DAY}/good.gz", event("good"))
    outcome = live_job.run(folders)
    assert outcome.error == ""
    assert folders.rejected_records() == [("line too long", bomb, None)]
    assert folders.accounting()["kept"] == 1


def test_lines_that_end_in_other_ways_are_not_missing(live_job: LiveJob, folders: Folders) -> None:
    """Bytes that are not in a line are no reason to look for damage, nor to reject anything."""
    records = [event(f"{n}") for n in range(50)]
    folders.put(f"{DAY}/crlf.gz", "\ufeff" + "\r\n".join(records))
    folders.put(f"{DAY}/blank.json", "\n\n\n".join(records))
    assert check(live_job, folders).accounting["records_read"] == 100


NUMBERS_AS_USERS = {
    "55520": "55520",
    "55520.0": "55520.0",
    "12345678.0": "12345678",
    "12345678": "12345678",
    "1.2345678e+7": "12345678",
    '"1.2345678E7"': "1.2345678E7",
    "157963456373623802": "157963456373623802",
    "123456789012345678901234567890": "123456789012345678901234567890",
    "90071992547409931.0": None,
    "9007199254740992.0": None,
    "123456789012345678901234567890.0": None,
    "1e400": None,
}


def test_numbers_as_identifiers(live_job: LiveJob, folders: Folders) -> None:
    """A phone sends 12345678.0 for the user 12345678; from 2^53 on two users would become one."""
    template = event("M", userId="U", properties={"sku": "S"})
    records = [
        template.replace('"M"', f'"{where} {n}"').replace('"U"', user).replace('"S"', sku)
        for n, number in enumerate(NUMBERS_AS_USERS)
        for where, user, sku in (("user", number, '"s"'), ("sku", '"u"', number))
    ]
    folders.put(f"{DAY}/a.gz", lines(*records))
    expected = check(live_job, folders)
    good = [text for text in NUMBERS_AS_USERS.values() if text]
    assert sorted(user for _, user, item, _ in expected.rows if item == "s") == sorted(good)
    assert sorted(item for _, user, item, _ in expected.rows if user == "u") == sorted(good)
    assert expected.accounting["rejected"]["unusable identifier"] == 2 * (
        len(NUMBERS_AS_USERS) - len(good)
    )


def test_message_ids_that_are_large_numbers_are_not_taken_for_one(
    live_job: LiveJob, folders: Folders
) -> None:
    """Different messages whose numbers are one double are all kept; equal exact ones are not."""
    template = event("M")
    ids = ("90071992547409931.0", "90071992547409932.0", "12345678.0", "1.2345678E7")
    folders.put(f"{DAY}/a.gz", lines(*(template.replace('"M"', each) for each in ids)))
    counts = check(live_job, folders).accounting
    assert (counts["kept"], counts["duplicates"]) == (3, 1)


def test_the_accounting_names_the_most_frequent_other_events(
    live_job: LiveJob, folders: Folders
) -> None:
    """Who misses a supported name need not guess; a name is data, and cannot forge a line."""
    forged = "x\nkept 1000000 in all\nACCOUNTING {}\nrun-1 started"
    records = [
        *[event(None, event=f"Event {n:02}") for n in range(14) for _ in range(20 - n)],
        *[event(None, event=forged)] * 30,
        event(None, event="y" * 5000),
        event(None, event=None),
        event("kept"),
    ]
    folders.put(f"{DAY}/a.gz", lines(*records))
    outcome = live_job.run(folders)
    assert outcome.error == ""
    others = folders.accounting()["other_events"]
    assert list(others.items()) == [(forged, 30), *((f"Event {n:02}", 20 - n) for n in range(9))]
    assert printed(outcome) == folders.accounting()
    assert [line for line in outcome.output if line.startswith("kept ")] == ["kept 1 in all"]
    (line,) = [line for line in outcome.output if "add them by --SUPPORTED_EVENTS" in line]
    assert "Event 00" in line


def test_a_run_that_reads_nothing_says_which_days_there_are(
    live_job: LiveJob, folders: Folders
) -> None:
    """A typing error in a date is found without a look into the bucket."""
    for day in (DAY, NEXT_DAY, THIRD_DAY):
        folders.put(f"{day}/a.gz", event("1"))
    error = live_job.run(folders, START_DATE="2017-01-01").error
    assert "2017-01-01 to 9999-12-31" in error
    assert "days from 2016-06-21 to 2016-06-23" in error
    source = folders.source / "website-prod"  # one folder too deep
    error = live_job.run(folders, S3_JSON_INPUT_PATH=source, START_DATE="2017-01-01").error
    assert "no day's folder" in error


def test_the_guides_exercises(live_job: LiveJob, folders: Folders) -> None:
    """Participants see the numbers change as the guide's page on the job says."""
    page = PAGES["50-read-the-job"]
    folders.put(f"{DAY}/a.gz", lines(*(record for record, _ in SHAPES.values())))
    before = check(live_job, folders).accounting

    (events,) = re.findall(r"`--SUPPORTED_EVENTS` to `(.+?)`", page)
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
    assert check(live_job, folders).accounting == before
