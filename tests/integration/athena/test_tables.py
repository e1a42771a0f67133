"""Tables over odd objects: one of them costs at most itself, and an error names it."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.athena import BUCKET, DATABASE, OPEN_X, Aws

# What Segment's own users, a fuzz and other people's bug reports have put into logs.
ODD_OBJECTS: dict[str, bytes] = {
    "100,000 arrays": b'{"event": "deep", "properties": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "900 objects in a text": b'{"context": ' + b'{"a": ' * 900 + b"1" + b"}" * 901,
    "a string without an end": b'{"a": [' * 60 + b'"' + rb"\"" * 1_000_000,
    "a number without an end": b'{"version": ' + b"9" * 100_000 + b"}",
    "keys that differ in case, escaped": rb'{"event": 1, "\u0045vent": 2, "EVENT": 3}',
    "odd keys": rb'{"": 1, ".": 2, "\"": 4, "\u0000": 5, "$path": 6, "$file": 7, "$errors": 8}',
    "a lone surrogate": rb'{"event": "\ud800"}',
    "no UTF-8": b'{"event": "\xff\xc3"}\n\xed\xa0\x80\n\xc3',
    "UTF-16": '{"event": "x"}\n'.encode("utf-16"),
    "control characters": b'\0{"event": "a\0b"}\n\x01\n{"event": "a\x01b"}\x0b\x0c\x1a',
    "no objects": b'[]\nnull\n1\n"x"\n{}\n{"event": {}}\n',
    "nothing": b"",
}


@pytest.mark.parametrize("name", ODD_OBJECTS)
def test_an_odd_object_costs_only_itself(aws: Aws, name: str) -> None:
    """Whoever has a site's public write key would break everybody's queries, also later ones."""
    columns = {"event": "string", "version": "int", "context": "string"}
    aws.table("odd", columns, OPEN_X, {"ignore.malformed.json": "true"})
    try:
        aws.put("odd/good", '{"event": "good", "version": 1}')
        aws.s3.put_object(Bucket=BUCKET, Key="odd/empty.gz", Body=b"")  # a delivery that failed
        aws.s3.put_object(Bucket=BUCKET, Key="odd/bad.gz", Body=gzip.compress(ODD_OBJECTS[name]))
        assert aws.rows("SELECT version, context FROM odd WHERE event = 'good'") == [["1", None]]
        assert len(aws.rows("SELECT * FROM odd")) >= 1
    finally:
        aws.glue.delete_table(DatabaseName=DATABASE, Name="odd")
        aws.s3.delete_object(Bucket=BUCKET, Key="odd/bad.gz")


def test_what_does_not_fit_is_named_by_the_queries_that_read_it(aws: Aws) -> None:
    """On Athena an object in a number's column fails the query: here it would seem to work."""
    aws.table("wrong", {"id": "int", "n": "bigint", "o": "struct<a:int>"}, OPEN_X)
    aws.put("wrong/1.json", '{"id": 1, "n": {"x": 1}, "o": "text"}', '{"id": 2, "n": 1, "o": {}}')
    assert aws.rows("SELECT id FROM wrong ORDER BY id") == [["1"], ["2"]]
    assert aws.rows("SELECT count(*) FROM wrong") == [["2"]]
    for column in ("n", "o.a"):
        reason = aws.failure(f"SELECT {column} FROM wrong")
        assert reason.startswith("HIVE_BAD_DATA: ")
        assert f"s3://{BUCKET}/wrong/1.json" in reason


def test_one_record_of_another_shape_is_null_alone(aws: Aws, segment: int) -> None:
    """PHP writes an empty object as [], and a cart with one product is not an array."""
    assert segment
    key = "segment-logs/php/1790812800000/1.json"
    aws.put(
        key,
        '{"event": "Left", "properties": [], "traits": [], "context": [], "integrations": []}',
        '{"event": "Cart", "properties": {"products": {"sku": "ONE"}}}',
        '{"event": "Cart", "properties": {"products": ""}}{"event": "glued"}',
    )
    try:
        rows = aws.rows(
            "SELECT transform(properties.products, p -> p.sku), integrations FROM segment_logs "
            "WHERE event IN ('Left', 'Cart')"
        )
        assert sorted(map(str, rows)) == ["['[ONE]', None]", "[None, None]", "[None, None]"]
        assert len(aws.rows("SELECT * FROM segment_logs")) == 6
    finally:
        aws.s3.delete_object(Bucket=BUCKET, Key=key)


def test_new_and_deleted_objects_show_at_once(aws: Aws) -> None:
    """The converted copy of a table would hide what the job has just written."""
    aws.table("changing", {"id": "int"}, OPEN_X)
    text = "SELECT id FROM changing ORDER BY id"
    seen = [aws.rows(text)]
    aws.put("changing/1", '{"id": 1}')
    seen.append(aws.rows(text))
    aws.put("changing/1", '{"id": 2}')
    seen.append(aws.rows(text))
    aws.s3.delete_object(Bucket=BUCKET, Key="changing/1")
    seen.append(aws.rows(text))
    assert seen == [[], [["1"]], [["2"]], []]


def bomb(block: bytes) -> bytes:
    """A quarter of a gigabyte, gzipped to a quarter of a megabyte."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    blocks = [compressor.compress(block * (2**20 // len(block))) for _ in range(2**8)]
    return b"".join([*blocks, compressor.flush()])


LINE = b'{"id": 1}\n'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lambda: gzip.compress(LINE * 1_000)[:60], id="cut off"),
        pytest.param(lambda: LINE, id="not gzipped"),
        pytest.param(lambda: gzip.compress(LINE)[:-8] + bytes(8), id="wrong checksum"),
        pytest.param(lambda: bomb(b"x"), id="a line without an end"),
        pytest.param(lambda: bomb(b"{}\n"), id="far too many lines"),
    ],
)
def test_an_object_that_cannot_be_read_is_named(aws: Aws, body: Callable[[], bytes]) -> None:
    """You would not know which of a thousand objects to remove, or the machine would run out."""
    aws.table("broken", {"id": "int"}, OPEN_X)
    aws.s3.put_object(Bucket=BUCKET, Key="broken/1.gz", Body=body())
    reason = aws.failure("SELECT count(*) FROM broken")
    aws.glue.delete_table(DatabaseName=DATABASE, Name="broken")
    assert reason.startswith("HIVE_CURSOR_ERROR: ")
    assert f"s3://{BUCKET}/broken/1.gz" in reason
    assert aws.rows("SELECT 1") == [["1"]]


def test_a_key_is_never_a_path(aws: Aws, tmp_path: Path) -> None:
    """An object's copy could land anywhere on this machine, or its name be read as a pattern."""
    aws.table("keys", {"id": "int"}, OPEN_X)
    outside = tmp_path / "outside"
    keys = ["..", "../../up", f"/{outside}", f"../../../../../../..{outside}", "*", "?", "[a-z]"]
    keys += ["{a,b}", "it's", '"q"', "a\nb", "\u202e\U0001f600", "x" * 900, "a.gz", "%2e%2e"]
    for key in keys:
        body = b'{"id": 1}' if not key.endswith(".gz") else gzip.compress(b'{"id": 1}')
        aws.s3.put_object(Bucket=BUCKET, Key=f"keys/{key}", Body=body)
    stored = {
        found["Key"] for found in aws.s3.list_objects_v2(Bucket=BUCKET, Prefix="keys/")["Contents"]
    }
    assert len(stored) == len(keys)
    visible = [key for key in stored if "/." not in key]  # Hive skips the others
    rows = aws.rows('SELECT "$path", id FROM keys')
    assert sorted(map(str, rows)) == sorted(str([f"s3://{BUCKET}/{key}", "1"]) for key in visible)
    assert list(tmp_path.iterdir()) == []
