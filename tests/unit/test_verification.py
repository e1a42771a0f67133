"""Each rule of Personalize, broken once: a CSV that it would refuse must not pass here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop.account import Account
from workshop.checks import Check
from workshop.csv_files import of_place
from workshop.errors import WorkshopError
from workshop.interactions import Interactions
from workshop.verification import checks, verify_files

HEADER = "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n"
GOOD = HEADER + "".join(
    f"user-{n % 40},sku-{n % 7},Product Clicked,{1_700_000_000 + n}\n" for n in range(1200)
)


def check(csv: str | bytes, *, stray: list[str] | None = None) -> dict[str, Check]:
    """Check one file, read in small pieces so that values are cut by their ends."""
    body = csv.encode() if isinstance(csv, str) else csv
    data = Interactions()
    data.read("run-1-part-r-00000.csv", [body[i : i + 1000] for i in range(0, len(body), 1000)])
    found = checks(data, {"run-1-part-r-00000.csv": len(body)}, stray or [])
    return {one.rule: one for one in found}


def broken(csv: str | bytes, *, stray: list[str] | None = None) -> set[str]:
    return {rule for rule, one in check(csv, stray=stray).items() if not one.passed}


def with_line(line: str) -> str:
    return GOOD + line + "\n"


def test_a_good_file_passes_every_rule() -> None:
    """A rule that fails on good data would send the organizer after nothing."""
    assert broken(GOOD) == set()


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        *((value, set()) for value in ("", "7", "-7.5", "0.001", "12345678.25")),
        *((value, {"Types"}) for value in ("free", "7,5", "1e5", "NaN", " 7", ".5")),
    ],
)
def test_an_event_value_is_a_number_or_missing(value: str, rules: set[str]) -> None:
    """Personalize takes the column EVENT_VALUE as a float that may be null."""
    lines = GOOD.splitlines()
    rows = [f"{line},{n / 4}" for n, line in enumerate(lines[1:])]
    quoted = f'"{value}"' if "," in value else value
    csv = "\n".join([f"{lines[0]},EVENT_VALUE", *rows, f"u,i,e,1700000000,{quoted}", ""])
    assert broken(csv) == rules


def test_all_files_have_the_same_columns() -> None:
    """A schema has the column EVENT_VALUE or does not."""
    data = Interactions()
    data.read("1.csv", [GOOD.encode()])
    data.read("2.csv", [GOOD.replace("TIMESTAMP", "TIMESTAMP,EVENT_VALUE", 1).encode()])
    assert "2.csv has other columns" in data.problems["Header"][0]


@pytest.mark.parametrize(
    ("csv", "rules"),
    [
        (GOOD.replace("USER_ID", "user_id", 1), {"Header"}),
        (GOOD.replace("USER_ID", '"USER_ID"', 1), {"Header"}),
        ("\ufeff" + GOOD, {"Header"}),
        (with_line("u,i,e"), {"Columns"}),
        (with_line("u,i,e,1700000000,more"), {"Columns"}),
        (with_line("u,i,e,2023-11-14"), {"Types"}),
        (with_line("u,i,e,1700000000.5"), {"Types"}),
        (with_line("u,i,e,"), {"Types"}),
        (with_line("u,i,e,1700000000000"), {"Seconds"}),
        (with_line("u,i,e,17"), {"Seconds"}),
        (with_line("u,i,e," + "1" * 5000), {"Seconds"}),
        (with_line('u,"' + "\n" * 20 + '",e,1700000000'), {"One record a line"}),
        (with_line("u,i,e,1700000000" + " " * 2**21), {"One record a line"}),
        ("x" * 2**21, {"One record a line"}),
        (with_line(",i,e,1700000000"), {"Lengths"}),
        (with_line("u" * 257 + ",i,e,1700000000"), {"Lengths"}),
        (with_line("u," + "i" * 257 + ",e,1700000000"), {"Lengths"}),
        (with_line("u,i,,1700000000"), {"Event types"}),
        (GOOD + "".join(f"u,i,type-{n},1700000000\n" for n in range(9)), {"Event types"}),
        (GOOD + "".join(f"u,i,{n or ''},1700000000\n" for n in range(9)), {"Event types"}),
        (with_line('u,"two\nlines",e,1700000000'), {"One record a line"}),
        (with_line('u,"no end,e,1700000000'), {"One record a line"}),
        (HEADER + 'u,"no end,e,1700000000\n' + GOOD[len(HEADER) :], {"One record a line"}),
        (with_line('u,i,e,"17\n00"'), {"One record a line"}),
        (HEADER.encode() + b"u,\xff,e,1700000000\n" + GOOD[len(HEADER) :].encode(), {"UTF-8"}),
        (GOOD.encode() + b"u,i,e,\xc3", {"UTF-8", "Types"}),
        ("".join(GOOD.splitlines(keepends=True)[:1000]), {"Interactions"}),
        (
            HEADER + "".join(f"u{n % 99},i,e,17000000{n % 99:02}\n" for n in range(2000)),
            {"Interactions"},
        ),
        (HEADER, {"Interactions", "Users with two or more"}),
        (
            HEADER + "".join(f"u{n % 24},i,e,1700000000\n" for n in range(1200)),
            {"Interactions", "Users with two or more"},
        ),
        (
            HEADER + "".join(f"u{n},i,e,1700000000\n" for n in range(1200)),
            {"Users with two or more"},
        ),
    ],
)
def test_broken_rules_are_named(csv: str | bytes, rules: set[str]) -> None:
    """What Personalize would refuse after an hour of importing is said now, and nothing else."""
    assert broken(csv) == rules


def test_nine_event_types_are_accepted() -> None:
    """The column EVENT_TYPE counts with them, and ten is the limit."""
    assert broken(GOOD + "".join(f"u,i,type-{n},1700000000\n" for n in range(8))) == set()


@pytest.mark.parametrize(
    "value", ["undefined", "NULL", "[object Object]", "NaN", "\u00a0", "\u3000 ", "\u200b"]
)
def test_identifiers_that_mean_nobody_are_warned_of(value: str) -> None:
    """Everybody without an identifier would be one user, and everybody's recommendations alike."""
    found = check(with_line(f"{value},i,e,1700000000"))["Identifiers"]
    assert found.passed
    assert found.found.startswith("warning: 1 ")
    assert repr(value) in found.found
    assert not check(GOOD)["Identifiers"].found.startswith("warning")


def test_the_place_of_the_first_broken_records_is_named() -> None:
    """`There is an error in your file` does not help; a line number does."""
    found = check(GOOD + "u,i,e,x\n" * 5)["Types"]
    assert "run-1-part-r-00000.csv, line 1202" in found.found
    assert "(5 in all)" in found.found


def test_stray_files_are_named() -> None:
    """Personalize would read a _SUCCESS marker as a CSV."""
    assert "_SUCCESS" in check(GOOD, stray=["_SUCCESS"])["No stray files"].found
    assert broken(GOOD, stray=["_SUCCESS"]) == {"No stray files"}


def test_no_file_is_a_broken_rule() -> None:
    """An empty folder must not pass because nothing in it is wrong."""
    broken = [one.rule for one in checks(Interactions(), {}, []) if not one.passed]
    assert broken == ["Files", "Interactions", "Users with two or more"]


def test_quoted_values_are_read_as_values() -> None:
    """A comma in a SKU must not become a fifth column."""
    assert broken(with_line('u,"a,""b""",e,1700000000')) == set()


def test_a_line_without_an_end_is_given_up() -> None:
    """Kept and searched again for each piece, it takes memory and minutes."""
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        yield GOOD.encode()
        for _ in range(200):
            taken += 1
            yield b"x" * 2**20

    data = Interactions()
    data.read("run-1.csv", chunks())
    assert taken <= 2
    (place,) = data.problems["One record a line"]
    assert place == "run-1.csv, line 1202 has more than 1,048,576 characters"


def test_a_record_without_an_end_is_given_up() -> None:
    """Each of its values ends on the next line, so no value is ever too long."""
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        yield HEADER.encode() + b'"'
        for _ in range(100_000):
            taken += 1
            yield b'a\n","'

    data = Interactions()
    data.read("run-1.csv", chunks())
    assert taken < 100
    assert "more than 10 lines" in data.problems["One record a line"][0]


def test_long_values_are_not_shown_whole_nor_kept() -> None:
    """Ten event types of a megabyte would be the organizer's screen, and the report."""
    data = Interactions()
    rows = "".join(f"{'u' * 9000},{'i' * 9000},{'e' * 9000}{n},1700000000\n" for n in range(9))
    data.read("run-1.csv", [HEADER.encode() + rows.encode()])
    assert max(map(len, [*data.users, *data.items, *data.event_types])) <= 257
    assert all(len(one.found) < 1000 for one in checks(data, {}, []))


PIECES = [
    *(HEADER.encode(), b"u,i,e,1700000000\n", b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xc3"),
    *(b"1" * 5000, b"\xf0\x9f\x98\x80", b"=1", b"\x1b]0;x\x07", b"\xe2\x80\xa8", b"u" * 140_000),
]
BYTES = st.one_of(st.binary(), st.sampled_from(PIECES))


@settings(deadline=None)
@given(chunks=st.lists(BYTES), header=st.booleans())
def test_whatever_is_in_a_file_it_is_read_and_judged(chunks: list[bytes], *, header: bool) -> None:
    """A participant's job run may write anything, and verify must say so."""
    data = Interactions()
    data.read("run-1.csv", [HEADER.encode() * header, *chunks])
    found = checks(data, {"run-1.csv": 1}, [])
    assert not all(one.passed for one in found)
    assert all(len(one.found) < 2000 for one in found)


DAY = "2026-11-26"


def nobody() -> Account:
    raise AssertionError


def broken_in(folder: Path) -> dict[str, str]:
    """The rules that do not hold in a folder of this machine, for which nobody signs in."""
    checks, _ = verify_files(of_place(str(folder), nobody))
    return {check.rule: check.found for check in checks if not check.passed}


def test_a_folder_is_checked_as_the_bucket_is(tmp_path: Path) -> None:
    """What `transform` wrote could be checked only after it was uploaded."""
    assert broken_in(tmp_path)["Files"] == "0 CSV, 0 bytes"
    (tmp_path / "run-1-part-r-00000.csv").write_text(GOOD)
    assert broken_in(tmp_path) == {}
    (tmp_path / DAY).mkdir()
    (tmp_path / DAY / "run-2-part-r-00000.csv").write_text("not looked at here")
    assert broken_in(tmp_path) == {}
    assert "Header" in broken_in(tmp_path / DAY)
    for name in ("_SUCCESS", f"{DAY}/_SUCCESS", "mine.txt"):
        (tmp_path / name).touch()
    assert broken_in(tmp_path) == {"No stray files": f"{DAY}/_SUCCESS, _SUCCESS, mine.txt"}


@pytest.mark.parametrize("place", ["nowhere", __file__, "s3:/bucket/x", "s3://", "s3://B_/x"])
def test_a_place_that_cannot_be_read_is_named(place: str) -> None:
    """A misspelt folder would be an empty one, with advice about the job."""
    with pytest.raises(WorkshopError) as error:
        of_place(place, nobody)
    assert place in error.value.message
