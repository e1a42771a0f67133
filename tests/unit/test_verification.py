"""Each rule of Personalize, broken once: a CSV that it would refuse must not pass here."""

import pytest

from workshop.verification import Check, Interactions, checks

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
    ("csv", "rule"),
    [
        (GOOD.replace("USER_ID", "user_id", 1), "Header"),
        (GOOD.replace("USER_ID", '"USER_ID"', 1), "Header"),
        ("\ufeff" + GOOD, "Header"),
        (with_line("u,i,e"), "Columns"),
        (with_line("u,i,e,1700000000,more"), "Columns"),
        (with_line("u,i,e,2023-11-14"), "Types"),
        (with_line("u,i,e,1700000000.5"), "Types"),
        (with_line("u,i,e,"), "Types"),
        (with_line("u,i,e,1700000000000"), "Seconds"),
        (with_line("u,i,e,17"), "Seconds"),
        (with_line(",i,e,1700000000"), "Lengths"),
        (with_line("u" * 257 + ",i,e,1700000000"), "Lengths"),
        (with_line("u," + "i" * 257 + ",e,1700000000"), "Lengths"),
        (with_line("u,i,,1700000000"), "Event types"),
        (GOOD + "".join(f"u,i,type-{n},1700000000\n" for n in range(11)), "Event types"),
        (with_line('u,"two\nlines",e,1700000000'), "One record a line"),
        (with_line('u,"no end,e,1700000000'), "One record a line"),
        (GOOD.encode() + b"u,\xff,e,1700000000\n", "UTF-8"),
        (GOOD.encode() + b"u,i,e,\xc3", "UTF-8"),
        ("".join(GOOD.splitlines(keepends=True)[:1000]), "Interactions"),
        (HEADER, "Interactions"),
        (
            HEADER + "".join(f"u{n % 24},i,e,1700000000\n" for n in range(1200)),
            "Users with two or more",
        ),
        (HEADER + "".join(f"u{n},i,e,1700000000\n" for n in range(1200)), "Users with two or more"),
    ],
)
def test_a_broken_rule_is_named(csv: str | bytes, rule: str) -> None:
    """What Personalize would refuse after an hour of importing is said now."""
    assert rule in broken(csv)


def test_the_place_of_the_first_broken_records_is_named() -> None:
    """`There is an error in your file` is no help; a line number is."""
    found = check(GOOD + "u,i,e,x\n" * 5)["Types"]
    assert "run-1-part-r-00000.csv, line 1202" in found.found
    assert "(5 in all)" in found.found


def test_stray_files_are_named() -> None:
    """Personalize would read a _SUCCESS marker as a CSV."""
    assert "_SUCCESS" in check(GOOD, stray=["_SUCCESS"])["No stray files"].found
    assert broken(GOOD, stray=["_SUCCESS"]) == {"No stray files"}


def test_no_file_is_a_broken_rule() -> None:
    """An empty folder must not pass because nothing in it is wrong."""
    found = {one.rule for one in checks(Interactions(), {}, []) if not one.passed}
    assert {"Files", "Interactions", "Users with two or more"} <= found


def test_quoted_values_are_read_as_values() -> None:
    """A comma in a SKU is no fifth column."""
    assert broken(with_line('u,"a,""b""",e,1700000000')) == set()
