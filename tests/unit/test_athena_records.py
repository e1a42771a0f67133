"""How a line of a log becomes a row: the rules of Trino's readers, each with its source.

The sources are files of trinodb/trino: those of JSON in
lib/trino-hive-formats/src/main/java/io/trino/hive/formats/line/openxjson, those of CSV in `csv` and
those of lines in `text` beside it; README is the one in `openxjson`.
"""

import gzip
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.athena.csv import csv_values, open_csv
from embedded_aws.athena.engine import lines, skipped
from embedded_aws.athena.records import ERRORS, open_x
from embedded_aws.athena.values import BadValueError

COLUMNS: Any = {
    "t": "string",
    "n": "int",
    "b": "bigint",
    "d": "double",
    "f": "boolean",
    "day": "date",
    "at": "timestamp",
    "money": "decimal(5,2)",
    "long": "decimal(38,10)",
    "short": "varchar(3)",
    "padded": "char(3)",
    "o": {"x": "string", "a_b": "int"},
    "l": ["int"],
    "lo": [{"x": "string"}],
    "m": {"*": "int"},
}


def read(line: str, **serde: str) -> dict[str, Any]:
    parameters = {name.replace("_", "."): value for name, value in serde.items()}
    return open_x(COLUMNS, {"ignore.malformed.json": "true", **parameters})(line)


JSON_RULES = [
    # OpenXJsonDeserializer.deserialize: only objects and arrays are read, blanks are trimmed.
    ("text", {}),
    ('"t"', {}),
    ("", {}),
    ('\x0b {"n": 1} \x00', {"n": 1}),
    ('["a", 2]', {"t": "a", "n": 2}),
    # README, Line Format 3: what follows the object is ignored.
    ('{"n": 1}{"n": 2}', {"n": 1}),
    ('{"n": 1} x', {"n": 1}),
    # README, Line Format 2: a malformed line is a row of NULLs.
    ('{"n": 1', {}),
    ('{"n" 1}', {}),
    ('{"t": "no end', {}),
    (r'{"t": "\u12"}', {}),
    ("{" * 100_000, {}),
    # FieldName: keys match in any case, the last one counts, others are ignored.
    ('{"N": 1, "other": 2}', {"n": 1}),
    ('{"n": 1, "N": 2}', {"n": 2}),
    ('{"n": 1, "N": 2, "n": 3}', {"n": 3}),
    ('{"t": {"a": 1, "A": 2}}', {"t": '{"A":2}'}),
    # JsonReader: other quotes, none, other separators, comments, omitted items.
    ("{'t': 'a', n = 1; b => 2}", {"t": "a", "n": 1, "b": 2}),
    ('{"t": a b}', {}),
    ("{t: a} // b", {"t": "a"}),
    ('{/* c */ "n" # x\n: 0x10}', {"n": 16}),
    ('{"l": [1,,2;]}', {"l": [1, None, 2, None]}),
    ('{"f": TRUE, "t": NULL}', {"f": True}),
    (r"{'t': 'it\'s \x'}", {"t": "it's x"}),
    (r"{'t': '\ud83d\ude00'}", {"t": "\U0001f600"}),
    # VarcharDecoder, JsonWriter: anything is text, as canonical JSON.
    ('{"t": 1.50}', {"t": "1.50"}),
    ('{"t": 1e5}', {"t": "1E+5"}),
    ('{"t": 0010}', {"t": "8"}),
    ('{"t": true}', {"t": "true"}),
    ('{"t": "1e5"}', {"t": "1e5"}),
    ('{"t": {"a": [1, "x</a>", null, True]}}', {"t": r'{"a":[1,"x<\/a>",null,true]}'}),
    ('{"t": "a\tb"}', {"t": "a\tb"}),
    ('{"short": "abcd", "padded": "ab "}', {"short": "abc", "padded": "ab"}),
    # parseLong: a fraction is cut off; hexadecimal, octal; what does not fit is NULL.
    ('{"n": 1.9, "b": "-1.9"}', {"n": 1, "b": -1}),
    ('{"n": "010", "b": "08"}', {"n": 8, "b": 8}),
    ('{"n": 2147483648, "b": 9223372036854775807}', {"n": None, "b": 2**63 - 1}),
    ('{"n": "x", "b": true}', {"n": None, "b": None}),
    ('{"n": 1e3, "b": 1e999999999}', {"n": 1000, "b": None}),
    # DoubleDecoder: as Double.parseDouble reads.
    ('{"d": "1.5"}', {"d": 1.5}),
    ('{"d": " 1e3f "}', {"d": 1000.0}),
    ('{"d": NaN}', {"d": "nan"}),
    ('{"d": 1e999}', {"d": "inf"}),
    ('{"d": "1_0"}', {"d": None}),
    # BooleanDecoder: `true` in any case, else false.
    ('{"f": "True"}', {"f": True}),
    ('{"f": 1}', {"f": False}),
    ('{"f": []}', {"f": False}),
    # DateDecoder, TimestampDecoder, HiveFormatUtils.
    ('{"day": "2026-01-31 x"}', {"day": "2026-01-31"}),
    ('{"day": 1}', {"day": "1970-01-02"}),
    ('{"at": "2026-01-31T10:00:00.5+01:00"}', {"at": "2026-01-31 09:00:00.500"}),
    ('{"at": "2026-01-31 10:00:00"}', {"at": "2026-01-31 10:00:00.000"}),
    ('{"at": 1}', {"at": "1970-01-01 00:00:01.000"}),
    ('{"at": 1000000000000}', {"at": "2001-09-09 01:46:40.000"}),
    ('{"at": "soon"}', {"at": None}),
    ('{"at": 1e999999999}', {"at": None}),
    # DecimalDecoder: rounded half up; beyond the precision NULL.
    ('{"money": 1.005}', {"money": "1.01"}),
    ('{"money": 1000}', {"money": None}),
    ('{"long": 12345678901234567890.1}', {"long": "12345678901234567890.1000000000"}),
    # ArrayDecoder: an empty text is NULL; anything else but an array becomes an array of one.
    ('{"l": "", "lo": {"x": "a"}}', {"l": None, "lo": [{"x": "a"}]}),
    ('{"l": 1, "lo": [[]]}', {"l": [1], "lo": [{}]}),
    # RowDecoder: a blank text and an array are rows.
    ('{"o": " "}', {"o": {}}),
    ('{"o": []}', {"o": {}}),
    ('{"o": ["a", 2, 3]}', {"o": {"x": "a", "a_b": 2}}),
    # MapDecoder: a blank text is NULL. rcongiu/Hive-JSON-Serde, issue 112: so is an empty array.
    ('{"m": {"A": 1, "a": 2, "b": "x"}}', {"m": {"a": 2, "b": None}}),
    ('{"m": ""}', {"m": None}),
    ('{"m": []}', {"m": None}),
]


@pytest.mark.parametrize(("line", "row"), JSON_RULES)
def test_a_json_line_is_read_as_trino_reads_it(line: str, row: dict[str, Any]) -> None:
    """A query on a team's own logs would answer something else on AWS."""
    found = read(line)
    assert {k: v for k, v in found.items() if v is not None or k in row} == row


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ('{"t": "a", "n": {}}', "n"),
        ('{"t": "a", "d": []}', "d"),
        ('{"t": "a", "at": {}}', "at"),
        ('{"t": "a", "o": "text"}', "o"),
        ('{"t": "a", "o": {"a_b": {}}}', "o"),
        ('{"t": "a", "m": [1]}', "m"),
        ('{"t": "a", "l": [[1]]}', "l"),
    ],
)
def test_what_does_not_fit_fails_its_own_column_only(line: str, column: str) -> None:
    """One record would break queries that Athena answers, or hide those that it fails."""
    found = read(line)
    assert found["t"] == "a"
    assert list(found[ERRORS]) == [column]
    assert found[ERRORS][column].startswith("HIVE_BAD_DATA: ")


@pytest.mark.parametrize(
    ("serde", "line", "row"),
    [
        ({"case_insensitive": "false"}, '{"N": 1, "n": 2}', {"n": 2}),
        ({"case_insensitive": "false"}, '{"t": {"a": 1, "A": 2}}', {"t": '{"a":1,"A":2}'}),
        ({"dots_in_keys": "true"}, '{"o": {"A.b": 1}}', {"o": {"a_b": 1}}),
        ({"dots_in_keys": "true"}, '{"o": {"a.b": 1, "a_b": 2}}', {"o": {"a_b": 2}}),
        ({"mapping_x": "The X"}, '{"o": {"the x": "a", "x": "b"}}', {"o": {"x": "a"}}),
        ({"mapping_n": "b"}, '{"b": 1}', {"n": 1, "b": 1}),
    ],
)
def test_the_serdes_parameters_count(serde: dict[str, str], line: str, row: dict[str, Any]) -> None:
    """A table that sets them would show other values than on AWS (OpenXJsonOptions, FieldName)."""
    assert read(line, **serde) == row


def test_a_malformed_line_fails_every_column_unless_ignored() -> None:
    """Whether `ignore.malformed.json` is set decides if one bad line breaks the exercise."""
    assert set(read('{"n": 1', ignore_malformed_json="false")[ERRORS]) == set(COLUMNS)


NEWLINE = "\n"
CSV_RULES = [  # CsvDeserializer
    ("a,b", ["a", "b"]),
    ('"a,b",c', ["a,b", "c"]),
    ('"a ""b""",c', ['a "b"', "c"]),
    ('"""q""",c', ['"q"', "c"]),
    ('a b"c"d,e', ['a b"c"d', "e"]),
    ('abc, "d",e', ["abc", "d", "e"]),
    ('a,"no end', ["a"]),
    (r"CORP\bob,b", ["CORPbob", "b"]),
    (r'"a \"b\"",c', ['a "b"', "c"]),
    (r'"5\",c', [r'5",c'][:0]),
    ("a,", ["a", ""]),
]


@pytest.mark.parametrize(("line", "values"), CSV_RULES)
def test_a_csv_line_is_read_as_trino_reads_it(line: str, values: list[str]) -> None:
    """Identifiers with quotes, commas or backslashes would look different on AWS."""
    assert list(csv_values(line, ",", '"', "\\")) == values


def test_a_line_end_as_escape_leaves_backslashes_alone() -> None:
    """Users with a backslash would become others, and break the row (the interactions' table)."""
    read_line = open_csv(dict.fromkeys("uit", "string"), {"escapeChar": "\n"})
    assert read_line(r'CORP\bob,"5,5\",Product') == {"u": r"CORP\bob", "i": "5,5\\", "t": "Product"}
    assert read_line('eve,"TV 55""",Product') == {"u": "eve", "i": 'TV 55"', "t": "Product"}


@pytest.mark.parametrize(
    ("kind", "value", "read_as"),
    [
        ("bigint", "1", 1),
        ("bigint", "010", 10),  # octal in JSON only
        ("bigint", "9223372036854775808", None),
        ("bigint", "1.5", None),
        ("bigint", "", None),
        ("bigint", "x", None),
        ("double", "1.5", 1.5),
        ("boolean", "TRUE", True),
        ("boolean", "1", None),
    ],
)
def test_a_number_of_a_csv_must_be_one(kind: str, value: str, read_as: object) -> None:
    """Athena fails such a query; source: Athena User Guide, Open CSV SerDe."""
    found = open_csv({"t": "string", "n": kind}, {})(f"a,{value}")
    assert found["t"] == "a"
    assert found["n"] == read_as
    assert (ERRORS in found) == (read_as is None)
    if read_as is None:
        assert found[ERRORS]["n"].startswith("HIVE_BAD_DATA: Error parsing field value")


def test_a_csv_has_no_column_of_another_type() -> None:
    """Its values would be read by rules that Athena does not have."""
    with pytest.raises(BadValueError, match="NOT_SUPPORTED: date"):
        open_csv({"day": "date"}, {})


@pytest.mark.parametrize(("count", "rest"), [("1", ["b"]), ("x", ["a", "b"]), ("9", [])])
def test_the_header_is_skipped(count: str, rest: list[str]) -> None:
    """A number that is none must not break every query."""
    parameters = {"skip.header.line.count": count}
    assert list(skipped(iter(["a", "b"]), parameters)) == rest


@pytest.mark.parametrize(
    ("body", "found"),
    [  # TextLineReader
        (b"a\nb\r\nc\rd", ["a", "b", "c", "d"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", ["a", "\ufeffb"]),
        (b"a\xffb", ["a\ufffdb"]),
        (b"", []),
    ],
)
def test_lines_end_where_trino_ends_them(tmp_path: Path, body: bytes, found: list[str]) -> None:
    """One odd byte would cost a record, or all of them."""
    (tmp_path / "plain").write_bytes(body)
    assert list(lines(tmp_path / "plain", gzipped=False)) == found


@pytest.mark.parametrize("after", [b"", b"\0", b"\0" * 512, b"rubbish"])
def test_what_follows_a_gzip_file_is_ignored(tmp_path: Path, after: bytes) -> None:
    """Padding is common, and Java's GZIPInputStream ends before it."""
    path = tmp_path / "1.gz"
    path.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n") + after)
    assert list(lines(path, gzipped=True)) == ["a", "b"]


def test_a_file_of_no_bytes_has_no_lines(tmp_path: Path) -> None:
    """It would break every query."""
    (tmp_path / "1.gz").touch()
    assert list(lines(tmp_path / "1.gz", gzipped=True)) == []
