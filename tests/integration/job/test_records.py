"""What the job makes of records: their shapes, times, identifiers and what is not JSON."""

import json
import time
from datetime import UTC, datetime

import pytest

from tests.support.live_job import DAY, Folders, LiveJob, csv_lines_of
from tests.support.records import SHAPES, check, event, left, lines, printed


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory, live_job: LiveJob) -> Folders:
    """One run over all shapes."""
    folders = Folders(tmp_path_factory.mktemp("shapes"))
    folders.put(f"{DAY}/shapes.gz", lines(*(record for record, _ in SHAPES.values())))
    check(live_job, folders)
    return folders


def test_every_shape_becomes_the_rows_that_it_should(shapes: Folders) -> None:
    """Interactions would be missing, invented or unreadable in Personalize."""
    rows = [
        (1466503245, user, item, json.loads(record)["event"])
        for record, pairs in SHAPES.values()
        for user, item in pairs
    ]
    assert shapes.csv_lines() == csv_lines_of(sorted(rows))
    assert shapes.accounting()["filtered"] == {"other event": 0, "no userId": 0, "no SKU": 6}


def test_the_folders_have_what_they_should_and_nothing_else(shapes: Folders) -> None:
    """Personalize would import a marker or a checksum file along with the data."""
    (file,) = shapes.csvs()
    run = file.name.removesuffix("-part-r-00000.csv")
    assert abs(int(run.removeprefix("run-")) / 1000 - time.time()) < 3600
    assert [folder.name for folder in shapes.rejected.iterdir()] == [run]
    assert left(shapes) == ["rejected", "segment-logs", "transformed"]


NOT_JSON = [
    event("cut")[:-9],
    event("cut")[:-1],
    event("more") + "x",
    event("two") + " {}",
    event("two") + event("two"),
    event("two", __end__=True) + " {}",
    event("two", __end__=True) + "}",
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
    """Damaged data would vanish without a trace, or half of it become an interaction."""
    file = folders.put(f"{DAY}/a.gz", lines(event("good", __end__={}), *NOT_JSON))
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
    """Interactions would be shifted in time, or learned from a broken clock."""
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
    """Personalize refuses the whole import for one bad identifier."""
    good = [
        "x" * 256,
        "😀" * 256,
        f"  {'é' * 256} ",
        "\xa0",
        "\u2028",
        "null",
        "NaN",
        *("}", "{", "[x", "{1}"),
        *("[2024] Shoe", "[1]x", "{} x", '["a"] tail', "['M']", "{'a': 1}", "[1]]", "[01]"),
        "a\u0300",
    ]
    bad = ["x" * 257, "😀" * 257, "a\tb", "\t", "a\n", "\x00", "\x1f", "\x7f", "a\x80", "\x9f"]
    missing = ["", "   ", "{}", ' ["x"]', "[1 ]\n", '{"a": [1]} ', {}, [], ["x"], {"a": "x"}, None]
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


NUMBERS_AS_USERS = {
    "55520": "55520",
    "55520.0": "55520.0",
    "12345678.0": "12345678",
    "12345678": "12345678",
    "1.2345678e+7": "12345678",
    "-1.2345678E7": "-12345678",
    "12345678.5": "12345678.5",
    "7.50": "7.5",
    "1e-5": "0.00001",
    "9007199254740991.0": "9007199254740991",
    '"1.2345678E7"': "1.2345678E7",
    '"1.0E20"': "1.0E20",
    "157963456373623802": "157963456373623802",
    "123456789012345678901234567890": "123456789012345678901234567890",
    "90071992547409931.0": None,
    "9007199254740992.0": None,
    "123456789012345678901234567890.0": None,
    "1e400": None,
    "1e-30": None,
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


def test_message_ids_are_compared_as_they_were_sent(live_job: LiveJob, folders: Folders) -> None:
    """Messages would be lost whose numbers are one double, or count twice if they look like JSON.

    Taken for an array, an id that begins with one would be no id.
    """
    template = event("M")
    numbers = ("90071992547409931.0", "90071992547409932.0", "12345678.0", "1.2345678E7")
    arrays = [event("[1] abc"), event("[1] abc"), event("[1]")]
    folders.put(f"{DAY}/a.gz", lines(*(template.replace('"M"', it) for it in numbers), *arrays))
    counts = check(live_job, folders).accounting
    assert (counts["kept"], counts["duplicates"]) == (3 + 2, 1 + 1)


def test_the_events_asked_for(live_job: LiveJob, folders: Folders) -> None:
    """A shop whose events have other names could not use the job."""
    events = ["Product Viewed", "Größe, gewählt", "Product Clicked", "Product Added"]
    folders.put(f"{DAY}/a.gz", lines(*(event(name, event=name) for name in events)))
    expected = check(live_job, folders, SUPPORTED_EVENTS="Product Viewed,Product Added")
    assert expected.accounting["kept"] == 2


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
