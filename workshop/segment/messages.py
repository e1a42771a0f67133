"""Calls as Segment's Python client puts them, and as Segment's S3 destination logs them."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from segment.analytics import Client

from stacks.bucket_contents.simulated_shop import FILE_EVENTS, LogFile, log_file
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


def logs(calls: Iterable[Call]) -> Iterator[LogFile]:
    """Yield the files that Segment's S3 destination would write, had it received the calls now.

    History that is sent today lies in the folder of today.
    Source: segment-docs, connections/storage/catalog/aws-s3.
    """
    received = datetime.now(UTC)
    midnight = received.replace(hour=0, minute=0, second=0, microsecond=0)
    day = int(midnight.timestamp() * 1000)
    pending = dict[str, list[str]]()
    for call in calls:
        lines = pending.setdefault(call.source, [])
        lines.append(json.dumps(_logged(message(call), received, call.record["projectId"])))
        if len(lines) == FILE_EVENTS:
            yield log_file(call.source, day, pending.pop(call.source))
    for source, lines in pending.items():
        yield log_file(source, day, lines)


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


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
