"""The job's contract in plain Python, to hold the job against: the same answers, no care for speed.

Texts are compared as Python does, by code points, which is the order of their UTF-8 bytes.
"""

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

SUPPORTED_EVENTS = ("Product Clicked", "Product Added", "Order Completed")
FILTERED = ("other event", "no userId", "no SKU")
REJECTED = ("not JSON", "truncated gzip", "unusable timestamp", "unusable identifier")
MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
DAY = 86_400
LARGEST_OFFSET = 18 * 3600  # beyond it there is no zone: java.time's limit
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")

Row = tuple[str, str, str, int]  # USER_ID, ITEM_ID, EVENT_TYPE, TIMESTAMP
Rejected = tuple[str, str, str | None]  # reason, source file relative to the input, original text
Kept = tuple[int, str, str, list[str]]  # timestamp, userId, event, SKUs


@dataclass(frozen=True)
class Outcome:
    """What the job has to answer: rows in order, rejected records in any, and the counts."""

    rows: list[Row]
    rejected: list[Rejected]
    accounting: dict[str, Any]


class Number(str):
    """A JSON number, as it is written."""

    __slots__ = ()


def transform(
    source: Path,
    now: float,
    events: Sequence[str] = SUPPORTED_EVENTS,
    start: date | None = None,
    end: date | None = None,
) -> Outcome:
    """Do what the job does with the files below the folder `source`, at `now` (UNIX seconds)."""
    verdicts: Counter[str] = Counter()
    rejected: list[Rejected] = []
    kept: dict[object, Kept] = {}
    for file in files(source, start, end):
        name = str(file.relative_to(source))
        for line in records(file):
            verdict, message_id, interaction = judge(line, events, now)
            verdicts[verdict] += 1
            if verdict in REJECTED:
                text = None if line is None else line.decode(errors="replace")
                rejected.append((verdict, name, text))
            if interaction:
                key = message_id or object()
                kept[key] = min(kept.get(key, interaction), interaction)
    rows = [(user, sku, event, at) for at, user, event, skus in kept.values() for sku in skus]
    rows.sort(key=lambda row: (row[3], *row[:3]))
    accounting = {
        "records_read": verdicts.total(),
        "kept": len(kept),
        "duplicates": verdicts["kept"] - len(kept),
        "filtered": {reason: verdicts[reason] for reason in FILTERED},
        "rejected": {reason: verdicts[reason] for reason in REJECTED},
        "rows_written": len(rows),
    }
    return Outcome(rows, rejected, accounting)


def files(source: Path, start: date | None, end: date | None) -> Iterator[Path]:
    """Find the files that are read: none is hidden, and with a date each is in a day's folder."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        parts = file.relative_to(source).parts
        if any(part.startswith(("_", ".")) for part in parts):
            continue
        if start or end:
            day = int(parts[1]) // 1000 if len(parts) > 2 and parts[1].isdecimal() else 1
            if day % DAY or not (
                (start or date.min) <= datetime.fromtimestamp(day, UTC).date() <= (end or date.max)
            ):
                continue
        yield file


def records(file: Path) -> Iterator[bytes | None]:
    """Split a file into records; None stands for the break of a gzip file that is cut off."""
    data, broken = file.read_bytes(), False
    if file.suffix == ".gz":
        packed, data = data, b""
        while packed and not broken:  # one member after the other
            member = zlib.decompressobj(wbits=31)
            data += member.decompress(packed)
            packed, broken = member.unused_data, not member.eof
    lines = re.split(b"\r\n|\n|\r", data.removeprefix(b"\xef\xbb\xbf"))
    if broken:
        lines.pop()  # not a whole one
        yield None
    yield from (line for line in lines if line.strip(b" \t"))


def judge(
    line: bytes | None, events: Sequence[str], now: float
) -> tuple[str, str | None, Kept | None]:
    """Say what becomes of a record: the verdict, and of a kept one its messageId and the rest."""
    if line is None:
        return "truncated gzip", None, None
    try:
        record = json.loads(
            line.decode(), parse_int=Number, parse_float=Number, parse_constant=refuse
        )
    except ValueError:
        record = None
    if not isinstance(record, dict):
        return "not JSON", None, None
    event, user, skus = record.get("event"), identifier(record, "userId"), skus_of(record)
    at = seconds(record.get("timestamp"))
    if isinstance(event, Number) or event not in events:
        return "other event", None, None
    if user is None:
        return "no userId", None, None
    if not skus:
        return "no SKU", None, None
    if at is None or not EARLIEST <= at <= now + DAY:
        return "unusable timestamp", None, None
    if any(len(text) > 256 or CONTROL.search(text) for text in (user, *skus)):
        return "unusable identifier", None, None
    return "kept", identifier(record, "messageId"), (at, user, event, skus)


def refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(constant)


def identifier(record: object, key: str) -> str | None:
    """Read a userId, a SKU or a messageId; None when it is missing."""
    value = record.get(key) if isinstance(record, dict) else None
    if isinstance(value, bool):
        return json.dumps(value)
    text = value.strip(" ") if isinstance(value, str) else ""
    return None if text.startswith(("", "{", "[")[not text :]) else text


def skus_of(record: dict[str, Any]) -> list[str]:
    """Read properties.sku or, when there is none, those of the products."""
    properties = record.get("properties")
    if own := identifier(properties, "sku"):
        return [own]
    products = properties.get("products") if isinstance(properties, dict) else None
    skus = [identifier(product, "sku") for product in products or () if isinstance(products, list)]
    return [sku for sku in skus if sku is not None]


def seconds(timestamp: object) -> int | None:
    """Read a timestamp; None when it is none. Fractions are dropped, which rounds down."""
    match = None
    if isinstance(timestamp, str) and not isinstance(timestamp, Number):
        match = MOMENT.fullmatch(timestamp)
    if match is None:
        return None
    sign, hours, minutes = match[7] or "+", int(match[8] or 0), int(match[9] or 0)
    offset = hours * 3600 + minutes * 60
    if minutes > 59 or offset > LARGEST_OFFSET:
        return None
    try:
        moment = datetime(*map(int, match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    return int(moment.timestamp()) - (offset if sign == "+" else -offset)
