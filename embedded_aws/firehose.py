"""Firehose's buffer, which MiniStack lacks: it writes each record as an object of its own.

Firehose gathers the records of its buffering interval in one object, one directly behind the other
unless the stream appends a delimiter. Source: Amazon Data Firehose Developer Guide, "Understand
data delivery in Amazon Data Firehose".
"""

import contextvars
import threading
from typing import Any

from embedded_aws import hooks

# Source: Amazon Data Firehose API Reference, BufferingHints.
_DEFAULT_SECONDS = 300
# These make objects of single records or in a format of their own; MiniStack does both.
_UNBUFFERED = ("DataFormatConversionConfiguration", "DynamicPartitioningConfiguration")


def install() -> None:
    """Make delivery streams gather records, and append the delimiters that they are to append."""
    deliver, lock = hooks.firehose.deliver_to_s3, threading.Lock()
    buffers: dict[int, bytearray] = {}

    def flush(stream: dict[str, Any], destination: dict[str, Any]) -> None:
        with lock:
            gathered = buffers.pop(id(destination))
        deliver(stream, destination, bytes(gathered))

    def deliver_to_s3(
        stream: dict[str, Any], destination: dict[str, Any], record: bytes, keys: object = None
    ) -> None:
        config = destination["config"]
        if any(config.get(name, {}).get("Enabled") for name in _UNBUFFERED):
            deliver(stream, destination, record, keys)
            return
        with lock:
            is_first = id(destination) not in buffers
            buffers.setdefault(id(destination), bytearray()).extend(record + _delimiter(config))
        if is_first:
            seconds = config.get("BufferingHints", {}).get("IntervalInSeconds", _DEFAULT_SECONDS)
            # A thread has no context of its own: account and region of the request go with it.
            context = contextvars.copy_context()
            timer = threading.Timer(seconds, context.run, [flush, stream, destination])
            timer.daemon = True
            timer.start()

    hooks.firehose.deliver_to_s3 = deliver_to_s3


def _delimiter(config: dict[str, Any]) -> bytes:
    r"""Return what is put behind each record.

    Source: Amazon Data Firehose API Reference, Processor; the parameter is `\n`, escaped.
    """
    processing = config.get("ProcessingConfiguration") or {}
    for processor in processing.get("Processors", []) if processing.get("Enabled") else []:
        if processor["Type"] == "AppendDelimiterToRecord":
            given = {p["ParameterName"]: p["ParameterValue"] for p in processor["Parameters"]}
            delimiter: str = given["Delimiter"]
            return delimiter.replace("\\n", "\n").encode()
    return b""
