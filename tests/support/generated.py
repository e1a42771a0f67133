"""Inputs that hypothesis makes: records of every kind, mangled, in files of every kind."""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import NamedTuple

from hypothesis import strategies as st

from tests.support.live_job import Folders
from tests.support.reference import EVENTS, Fields

NOW = datetime.now(UTC)
DAYS = [date(2016, 6, day) for day in (20, 21, 23)]
Texts = st.SearchStrategy[str]


def usually(good: Texts, odd: Texts) -> Texts:
    return st.one_of(good, good, good, odd)


def one_of(*texts: str) -> Texts:
    return st.sampled_from(texts)


def quoted(texts: Texts) -> Texts:
    """JSON strings, escaped more or less."""
    return st.builds(json.dumps, texts, ensure_ascii=st.booleans())


def objects(
    fields: Mapping[str, str], changes: Iterable[tuple[str, str, str]], blank: str = ""
) -> str:
    """A JSON object with some fields missing, twice, misspelt or of another value."""
    pairs = list(fields.items())
    for change, name, value in changes:
        if change == "replace":
            pairs = [(key, value if key == name else old) for key, old in pairs]
        elif change == "remove":
            pairs = [pair for pair in pairs if pair[0] != name]
        elif change == "misspell":
            pairs = [(key.swapcase() if key == name else key, old) for key, old in pairs]
        else:
            pairs.insert(0 if change == "before" else len(pairs), (name, value))
    members = [f'"{name}"{blank}:{blank}{value}' for name, value in pairs]
    return "{" + blank + f"{blank},".join(members) + "}"


def changes(**values: Texts) -> st.SearchStrategy[list[tuple[str, str, str]]]:
    """None or one or two changes to a field, most often of its value."""
    kinds = one_of("replace", "replace", "replace", "remove", "misspell", "before", "after")
    each = [st.tuples(kinds, st.just(name), value) for name, value in values.items()]
    return st.lists(st.one_of(each), max_size=2, unique_by=lambda change: change[1])


# JSON of every type.
NUMBERS = one_of(
    *("0", "-0", "42", "-7", "9007199254740993", "12345678901234567890123"),
    *("7.50", "0.001", "-1234567.25", "1e5", "1E2", "25e-1", "0.0", "-0.0", "100.0"),
)
ANYTHING = st.one_of(
    NUMBERS,
    one_of("null", "true", "false", '""', '"text"', "{}", "[]", "[null]", '[{"sku":null}]', "[[]]"),
    one_of('{"sku":{"sku":"deep"}}', '["a","b"]', '"{\\"sku\\":\\"inside a text\\"}"', '[{}, "x"]'),
    st.just("[" * 200 + "]" * 200),
)
ODD_TEXTS = st.one_of(
    one_of("", " ", "   ", "\t", " anna", "anna ", "  two  words ", "\tanna", "anna\n", "\r", "\0"),
    one_of(
        "a\x01b", "\x1f", "\x7f", "\x80", "\x9f", "\xa0", " \xa0x", "\u2028", "\ufeff", "\ufffd"
    ),
    one_of(
        "a,b", ",", '"', 'say "hi"', "it's", "#1", "back\\", "\\", "=1+1", "-", "a\u0300", "größe"
    ),
    one_of("日本語", "😀", "{", "[", " {x", "[x]", "}", "null", "true", "NaN", "1e5", "007", "a/b"),
    one_of(
        "[2024] Shoe", "[1]x", "{} x", '["a"] tail', "['M']", "[NaN]", "[1] ", '{"a":01}', "[1]]"
    ),
    st.builds(
        lambda character, length, blanks: blanks + character * length + blanks,
        one_of("a", "é", "😀"),
        st.integers(255, 257),
        one_of("", " "),
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
IDENTIFIERS = st.one_of(quoted(ODD_TEXTS), quoted(ODD_TEXTS), ANYTHING)
DATES = usually(
    one_of("2016-06-21", "2016-06-22", "2000-01-01", "2016-02-29", "2000-02-29", "2020-12-31"),
    one_of(
        *("1999-12-31", "1970-01-01", "0000-01-01", "0001-01-01", "9999-12-31", "2100-02-29"),
        *("2015-02-29", "2016-13-01", "2016-00-10", "2016-06-31", "2016-06-00", "2016-6-21"),
        *("16-06-21", "20160621", "+2016-06-21", "-2016-06-21", "12016-06-21", "٢٠١٦-06-21"),
    ),
)
TIMES = usually(
    one_of("T10:00:45", "T00:00:00", "T23:59:59"),
    one_of(
        *("T24:00:00", "T23:59:60", "T25:00:00", "T10:60:00", "T10:00:61", "T10:00", "T10", ""),
        *(" 10:00:45", "t10:00:45", "T1:00:45", "T10:00:5", "T100045", "T 10:00:45"),
    ),
)
FRACTIONS = st.one_of(
    st.just(""),
    st.integers(1, 9).flatmap(lambda digits: one_of("." + "9" * digits, "." + "0" * digits)),
    one_of(".123", ".999999999", ".", ".1234567890", ",5", ".5.5", ".-5"),
)
OFFSETS = usually(
    one_of("Z", "", "+02:00", "-0700", "+05:30", "-00:00", "+0000", "+02", "-11"),
    one_of(
        *("+18:00", "-18:00", "+18:01", "-1801", "+19", "+99:99", "+05:60", "+5", "+053", "+05:3"),
        *("z", " Z", "Z ", "Z\n", "ZZ", "UTC", "GMT+1", " +02:00", "[Europe/Berlin]", "+05:30:15"),
    ),
)
AROUND_TOMORROW = st.builds(
    lambda hours, end: f"{NOW + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}{end}",
    st.sampled_from([-1, 1, 20, 28, 24 * 365]),
    one_of("Z", ".999", "+00:00"),
)
TIMESTAMPS = st.one_of(
    quoted(st.builds("{}{}{}{}".format, DATES, TIMES, FRACTIONS, OFFSETS)),
    quoted(st.builds("{}{}{}{}".format, DATES, TIMES, FRACTIONS, OFFSETS)),
    quoted(AROUND_TOMORROW),
    st.one_of(quoted(ODD_TEXTS), ANYTHING),
)
VALUES = st.one_of(
    ANYTHING,
    quoted(
        one_of("18.99", " 7 ", "7.", ".5", "1e5", "-0.50", "+1", "9" * 15, "9" * 16, "1,5", "", " ")
    ),
)
PRODUCTS = st.one_of(
    st.lists(
        st.one_of(
            st.builds(
                objects,
                st.just({"sku": '"s3"', "price": "1"}),
                changes(sku=IDENTIFIERS, product_id=IDENTIFIERS, price=VALUES),
            ),
            ANYTHING,
        ),
        max_size=3,
    ).map(lambda elements: f"[{','.join(elements)}]"),
    ANYTHING,
)
PROPERTIES = st.one_of(
    st.builds(
        objects,
        st.just({"sku": '"s2"', "products": '[{"sku":"s1"},{"sku":"s2"}]'}),
        changes(sku=IDENTIFIERS, product_id=IDENTIFIERS, products=PRODUCTS, price=VALUES),
    ),
    st.builds(objects, st.just({"products": "[]"}), changes(products=PRODUCTS, price=VALUES)),
    ANYTHING,
    one_of('"{\\"sku\\":\\"s1\\"}"'),
)
OTHER_EVENTS = quoted(
    one_of("Product Viewed", "product clicked", "Product Clicked ", "", "Product  Added")
)


def fields(number: int, variant: int) -> dict[str, str]:
    """Make the fields of a message that is kept; its variants differ in one of them."""
    product = {"sku": f"s{number % 5}", "product_id": number % 4, "price": variant / 4}
    order = {"products": [product, {"sku": f"s{variant}", "quantity": 2}], "price": "9.90"}
    properties = product if number % 3 else order
    record = {
        "messageId": f"m{number}",
        "event": EVENTS[(number + variant // 3) % 3],
        "context": {"page": {"path": "/"}, "messageId": "x", "properties": {"sku": "y"}},
        "properties": properties,
        "userId": f"u{(number + variant) % 7}",
        "anonymousId": f"a{number % 9}",
        "timestamp": f"2016-06-21T10:{number:02}:{variant % 2:02}.123Z",
    }
    return {name: json.dumps(value) for name, value in record.items()}


RECORDS = st.builds(
    objects,
    st.builds(fields, st.integers(0, 40), st.integers(0, 5)),
    changes(
        messageId=IDENTIFIERS,
        event=st.one_of(OTHER_EVENTS, ANYTHING),
        context=ANYTHING,
        properties=PROPERTIES,
        userId=IDENTIFIERS,
        anonymousId=IDENTIFIERS,
        timestamp=TIMESTAMPS,
    ),
    one_of("", " ", "\t  "),
)
# What happens to a record on its way.
Accident = Callable[[bytes], bytes]
ACCIDENTS: list[Accident] = [
    lambda line: line[: len(line) * 2 // 3],
    lambda line: line[:-1],
    lambda line: line[1:],
    lambda line: line + b" " + line,
    lambda line: b"[" + line + b"]",
    lambda line: json.dumps(line.decode()).encode(),
    lambda line: line.replace(b'"', b"'"),
    lambda line: line.replace(b"}", b",}", 1),
    *[partial(bytes.__add__, start) for start in (b"\xef\xbb\xbf", b"\xa0", b"\x0c", b" \t", b",")],
    *[lambda line, end=end: line + end for end in (b"}", b"x", b" {}", b",", b"\0", b" \t", b"//")],
    *[
        lambda line, first=first: line.replace(b"{", b"{" + first, 1)
        for first in (
            *(b'"a":NaN,', b'"a":-Infinity,', b'"a":01,', b'"a":+1,', b'"a":.5,', b'"a":1.,'),
            *(b'"a":True,', b'"a":"\\x41",', b'"a":"\\u12",', b'"a":"\x01",', b'"a":"\t",'),
            *(b'"a":"\xff",', b'"a":"\xe2\x82",', b'"a":"\xed\xa0\x80",', b'"a":"\xc0\x80",'),
            *(
                b'"__end__":true,',
                b"a:1,",
                b",",
                b"/**/",
                b"#\n",
                b'"a":"\\ud83d\\ude00 \\/",',
                b'"":{"":[]},',
            ),
        )
    ],
    *[
        lambda _, line=line: line
        for line in (b"null", b"42", b"[]", b"{}", b"\x0b", b"# text", b"", b" \t ", b"{}{}")
    ],
]


@dataclass(frozen=True)
class InputFile:
    """An input file; one that breaks off has records of no interest only."""

    name: str
    records: list[str]
    accident: Accident
    line_end: bytes
    bom: bool
    members: int
    breaks_off: int | None  # with how many bytes left, in percent

    @property
    def broken(self) -> bool:
        return self.breaks_off is not None and self.name.lower().endswith(".gz")

    def write(self, folders: Folders) -> None:
        lines = [record.encode() for record in self.records]
        lines.append(self.accident(lines[-1]))
        if self.broken:
            lines = [b'{"event":"Page","n":%d}' % number for number in range(FILLERS)]
        content = b"\xef\xbb\xbf" * self.bom + self.line_end.join(lines)
        at = len(content) // self.members  # in the middle of a line
        file = folders.put(self.name, *[content[:at], content[at:]][: self.members])
        if self.broken:
            compressed = gzip.compress(content)
            # With the ten bytes of its header, without the eight of its end.
            left = 10 + (len(compressed) - 18) * (self.breaks_off or 0) // 100
            file.write_bytes(compressed[:left])


FILLERS = 300
MIDNIGHT = [datetime.combine(day, time(), UTC).timestamp() for day in DAYS]
INPUT_FILES = st.builds(
    InputFile,
    name=st.builds(
        "{}/{:.0f}000/{}".format,
        one_of("website-prod", "ios prod", "android-prod", "100%25 größe", "x", "y", "_hidden"),
        st.sampled_from(MIDNIGHT),
        one_of(
            "a.gz", "b.gz", "b.json", "c.txt", "deep/er/d.gz", "e.GZ", "f", ".g.gz", "deep/_h.json"
        ),
    ),
    records=st.lists(RECORDS, min_size=24, max_size=40),
    accident=st.sampled_from(ACCIDENTS),
    line_end=st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b"\n\n \n"]),
    bom=st.booleans(),
    members=st.integers(1, 2),
    breaks_off=st.sampled_from([*[None] * 9, 100, 60, 0]),
)


class Options(NamedTuple):
    """Optional arguments of the job."""

    start: date | None
    days: int | None
    events: tuple[str, ...] | None
    rows: int | None
    fields: Fields = Fields()

    @property
    def end(self) -> date | None:
        return self.start + timedelta(days=self.days) if self.start and self.days else None


OPTIONS = st.builds(
    Options,
    st.sampled_from([*[None] * 6, *DAYS]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, None, EVENTS[:1], ("Product Viewed", "Order Completed")]),
    st.sampled_from([None, None, 7]),
    st.sampled_from(
        [
            *[Fields()] * 3,
            Fields(("product_id", "sku"), ("userId", "anonymousId"), "price"),
            Fields(("sku", "product_id"), ("anonymousId",), "quantity"),
        ]
    ),
)


def inputs(least: int, most: int) -> st.SearchStrategy[list[InputFile]]:
    """So many files."""
    return st.lists(INPUT_FILES, min_size=least, max_size=most, unique_by=lambda file: file.name)
