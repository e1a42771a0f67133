"""Calls as Segment's Python client puts them, and as Segment's S3 destination logs them."""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segment.analytics import Client

from stacks.bucket_contents.simulated_shop import FILE_EVENTS
from workshop.errors import WorkshopError
from workshop.segment.events import Call

_Message = dict[str, Any]
# What each kind of call carries, beside what all carry.
_CONTENTS = {
    "identify": ("traits",),
    "track": ("event", "properties"),
    "page": ("name", "properties"),
    "screen": ("name", "properties"),
}
_client = Client("composes only", send=False)  # it sends nothing itself


def message(call: Call) -> _Message:
    """Return a call's message as Segment's client would put it into a batch.

    Its time is the one that Segment computed, without the device's wrong clock: a server-side
    `timestamp` becomes `originalTimestamp`. Source: segment-docs, connections/spec/common.

    Raises:
        WorkshopError: it is larger than the 32 KB that Segment takes.
    """
    record = call.record
    kind = record["type"]
    try:
        _, composed = getattr(_client, kind)(
            **{name: record[name] for name in _CONTENTS[kind]},
            user_id=record["userId"],
            anonymous_id=record["anonymousId"],
            context=record["context"],
            integrations=record["integrations"],
            message_id=record["messageId"],
            timestamp=datetime.fromisoformat(record["timestamp"]),
        )
    except RuntimeError as error:
        raise WorkshopError(
            f"Message {record['messageId']} of {call.source} is larger than 32 KB.",
            "Segment rejects larger ones: make the simulated event smaller",
        ) from error
    return dict(composed)


def write_logs(
    folder: Path, calls: Iterator[Call], progress: Callable[[Counter[str]], None]
) -> Counter[str]:
    """Write the messages as Segment's S3 destination would, had it received them now.

    The layout is `<source>/<UTC day of receipt, epoch ms at midnight>/<name>.gz`: history that is
    sent today lies in the folder of today.
    Source: segment-docs, connections/storage/catalog/aws-s3.

    Args:
        folder: a folder of this machine, new or empty.
        calls: what happened.
        progress: called with the counts so far.

    Returns:
        How many messages there are of each source.
    """
    received = datetime.now(UTC)
    day = received.replace(hour=0, minute=0, second=0, microsecond=0)
    written: Counter[str] = Counter()
    pending: dict[str, list[bytes]] = {}

    def put(source: str) -> None:
        body = b"".join(pending.pop(source))
        name = f"{_milliseconds(received)}.{zlib.crc32(body):08x}.gz"
        path = folder / source / str(_milliseconds(day)) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(body, mtime=0))
        progress(written)

    for call in calls:
        record = _logged(message(call), received, call.record["projectId"])
        pending.setdefault(call.source, []).append(json.dumps(record).encode() + b"\n")
        written[call.source] += 1
        if len(pending[call.source]) == FILE_EVENTS:
            put(call.source)
    for source in list(pending):
        put(source)
    return written


def _logged(sent: _Message, received: datetime, project: str) -> _Message:
    """Add what Segment adds. Sent and received at once, a message keeps its time.

    Source: segment-docs, connections/spec/common: timestamp = receivedAt - (sentAt -
    originalTimestamp).
    """
    at = datetime.fromisoformat(sent["timestamp"])
    return sent | {
        "channel": "server",
        "originalTimestamp": sent["timestamp"],
        "projectId": project,
        "receivedAt": _iso(received),
        "sentAt": _iso(received),
        "timestamp": _iso(at),
        "version": 2,
    }


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
