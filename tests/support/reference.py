"""The job's contract in plain Python: where this and the job disagree, one of them is wrong."""

import json
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

EVENTS = ("Product Clicked", "Product Added", "Order Completed")
FILTERED = OTHER_EVENT, NO_USER, NO_SKU = "other event", "no userId", "no SKU"
REJECTED = NOT_JSON, BAD_TIMESTAMP, BAD_IDENTIFIER, TRUNCATED, TOO_LONG = (
    *("not JSON", "unusable timestamp", "unusable identifier", "truncated gzip", "line too long"),
)
MAX_LINE_BYTES = 8 * 2**20  # with the end of the line
EARLIEST, DAY, MAXIMUM_OFFSET = datetime(2000, 1, 1, tzinfo=UTC), timedelta(1), timedelta(hours=18)
MINUTE, OFFSET = r"\d{4}-\d\d-\d\dT\d\d:\d\d", r"([+-])(\d\d)(?::?([0-5]\d))?"
ISO_8601 = re.compile(rf"({MINUTE})(?:(:\d\d)(?:\.\d{{1,9}})?)?(?:Z|{OFFSET})?", re.ASCII)
# A control character, what stands for bytes that are not UTF-8, or over 256 characters.
UNREADABLE = "\ufffd"
UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]|.{257}")

# An EVENT_VALUE: a plain decimal number, as it is written.
NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)

# TIMESTAMP, USER_ID, ITEM_ID, EVENT_TYPE and, where there is that column, EVENT_VALUE or "": rows
# in their order.
Row = tuple[Any, ...]  # timestamp, user, item, event and, if asked for, its value
Item = tuple[str, str]  # with the event's value or ""
Kept = tuple[int, str, str, list[Item]]  # timestamp, user, event, items: of duplicates the least
Rejected = tuple[str, Path, str | None]  # reason, file, text


class Fields(NamedTuple):
    """Where items and users are, the first that is there; and the value of an event, if anywhere.

    An item and its value are those of the event or of one of its products.
    """

    item: tuple[str, ...] = ("sku",)
    user: tuple[str, ...] = ("userId",)
    value: str = ""


class Result(NamedTuple):
    """What an input becomes: rows in their order, counts, rejected records in no order."""

    rows: list[Row]
    accounting: dict[str, Any]
    rejected: list[Rejected]


def transform(  # noqa: PLR0913, PLR0917 - the job's arguments
    source: Path,
    now: datetime,
    events: Collection[str] = EVENTS,
    start: date | None = None,
    end: date | None = None,
    fields: Fields = Fields(),  # noqa: B008 - it cannot change
) -> Result:
    """Say what the job makes of the files below the folder when it starts at that moment."""
    kept: list[tuple[str | None, Kept]] = []
    filtered, rejected = dict.fromkeys(FILTERED, 0), list[Rejected]()
    others = Counter[str]()
    for file in files(source, start, end):
        records, broken = lines(file)
        for record in records:
            became = judge(record, events, now, fields)
            if isinstance(became, tuple):
                kept.append(became)
            elif became in filtered:
                filtered[became] += 1
                if became == OTHER_EVENT and isinstance(
                    name := (parsed(record) or {}).get("event"), str
                ):
                    others[name[:100]] += 1
            elif became == TOO_LONG:
                rejected.append((became, file, None))
            else:
                rejected.append((became, file, record.decode(errors="replace")))
        rejected += [(TRUNCATED, file, None)] * broken
    least_last = sorted(kept, key=lambda each: each[1], reverse=True)
    unique = list({message: one for message, one in least_last if message is not None}.values())
    unique += [one for message, one in kept if message is None]
    rows: list[Row] = sorted(
        (at, user, item, event, value) if fields.value else (at, user, item, event)
        for at, user, event, items in unique
        for item, value in items
    )
    reasons = [reason for reason, _, _ in rejected]
    accounting = {
        "records_read": len(kept) + sum(filtered.values()) + len(rejected),
        "kept": len(unique),
        "duplicates": len(kept) - len(unique),
        "filtered": filtered,
        "rejected": {reason: reasons.count(reason) for reason in REJECTED},
        "rows_written": len(rows),
        "other_events": dict(sorted(others.items(), key=lambda each: (-each[1], each[0]))[:10]),
    }
    return Result(rows, accounting, rejected)


def files(source: Path, start: date | None, end: date | None) -> Iterator[Path]:
    for file in filter(Path.is_file, source.rglob("*")):
        names = file.relative_to(source).parts
        in_range = not (start or end)
        if not in_range and len(names) > 2 and re.fullmatch("[0-9]{13}", names[1]):
            day = datetime.fromtimestamp(int(names[1]) / 1000, UTC).date()
            in_range = (start or day) <= day <= (end or day)
        if in_range and not any(name.startswith(("_", ".")) for name in names):
            yield file


def lines(file: Path) -> tuple[list[bytes], bool]:
    content, rest, broken = b"", file.read_bytes(), False
    if file.suffix.lower() != ".gz":
        content, rest = rest, b""
    while rest and not broken:
        member = zlib.decompressobj(wbits=31)
        try:
            content += member.decompress(rest)
            broken, rest = not member.eof, member.unused_data
        except zlib.error:
            broken = True
    found = re.split(rb"\r\n|\r|\n", content.removeprefix(b"\xef\xbb\xbf"))
    whole = found[:-1] if broken else found
    return [line for line in whole if line.strip(b" \t")], broken


def judge(
    line: bytes, events: Collection[str], now: datetime, fields: Fields
) -> str | tuple[str | None, Kept]:
    """Give the reason why the record is not kept or, when it is, its messageId and itself."""
    if len(line) + 1 >= MAX_LINE_BYTES:
        return TOO_LONG
    if (record := parsed(line)) is None:
        return NOT_JSON
    event, user = record.get("event"), first(record, fields.user) or ""
    items, at = items_of(record.get("properties"), fields), moment(record.get("timestamp"))
    reasons = {
        OTHER_EVENT: not isinstance(event, str) or event not in events,
        NO_USER: not user,
        NO_SKU: not items,
        BAD_TIMESTAMP: at is None or not EARLIEST <= at <= now + DAY,
        BAD_IDENTIFIER: any(UNUSABLE.search(text) for text in (user, *dict(items))),
    }
    if reason := next((reason for reason, applies in reasons.items() if applies), None):
        return reason
    assert at is not None
    message = identifier(record.get("messageId"))
    kept = int(at.timestamp()), user, str(event), items
    return None if message == UNREADABLE else message, kept


def refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def parsed(line: bytes) -> dict[str, Any] | None:
    def last_fitting(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Of a key that is there more than once, the last value of the type it should have."""
        types = {"properties": dict, "products": list}
        fitting = [(key, one) for key, one in pairs if one is None or fits(one, types.get(key))]
        return dict(pairs) | dict(fitting)

    def fits(value: object, kind: type | None) -> bool:
        return kind is None or isinstance(value, kind)

    try:
        # An integer stays as it is written, digit by digit; but -0 is 0.
        value = json.loads(
            line.decode(errors="replace"),
            parse_int=str.encode,
            parse_constant=refuse,
            object_pairs_hook=last_fitting,
        )
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def identifier(value: object) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, float):
        return digits(value)
    text = value.decode() if isinstance(value, bytes) else str(value)
    text = "0" if value == b"-0" else text
    text = (text.lower() if isinstance(value, bool) else text).strip(" ")
    return None if is_nested(text) else text or None


def digits(number: float) -> str:
    """A number as Java writes it; where that has an exponent, its digits, if they are exact."""
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return str(number)
    if abs(number) >= 2**53:
        return UNREADABLE
    decimal = Decimal(repr(number)).quantize(Decimal("1e-18"), context=Context(prec=38))
    return f"{decimal:f}".rstrip("0").rstrip(".") if float(decimal) == number else UNREADABLE


def is_nested(text: str) -> bool:
    """Whether it is the text of an object or an array, which the job cannot tell from these."""
    if not text.startswith(("{", "[")):
        return False
    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return isinstance(value, dict | list)


def first(record: dict[str, Any], names: Collection[str]) -> str | None:
    """The first identifier that is there."""
    return next(filter(None, (identifier(record.get(name)) for name in names)), None)


def items_of(properties: object, fields: Fields) -> list[Item]:
    if not isinstance(properties, dict):
        return []
    value = value_of(properties, fields)
    if own := first(properties, fields.item):
        return [(own, value or "")]
    products = properties.get("products")
    elements = products if isinstance(products, list) else []
    # The text of an object is as good as the object.
    read = [parsed(each.encode()) if isinstance(each, str) else each for each in elements]
    objects = [each for each in read if isinstance(each, dict)]
    items = [(first(each, fields.item), value_of(each, fields)) for each in objects]
    return [(item, (value if own is None else own) or "") for item, own in items if item]


def value_of(record: dict[str, Any], fields: Fields) -> str | None:
    """A decimal number, "" for any other value, None if there is none."""
    text = identifier(record.get(fields.value)) if fields.value else None
    return text if text is None or NUMBER.fullmatch(text) else ""


def moment(value: object) -> datetime | None:
    match = ISO_8601.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    minute, second, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        utc = datetime.fromisoformat(f"{minute}{second or ':00'}+00:00") - (
            -offset if sign == "-" else offset
        )
    except (ValueError, OverflowError):
        return None
    return utc if offset <= MAXIMUM_OFFSET else None
