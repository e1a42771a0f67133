"""Writing sample Segment logs, any number of them, to the bucket or to a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from stacks.bucket_contents.handler import PREFIX, READY_MADE
from stacks.bucket_contents.simulated_shop import LogFile, log_files
from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError


@dataclass(frozen=True)
class Volume:
    """How much to write: about `events` events over `days` UTC days, the last of which is `end`."""

    end: date
    days: int
    events: int


@dataclass
class Written:
    """What was written: files, events, and compressed bytes."""

    files: int = 0
    events: int = 0
    bytes: int = 0

    def add(self, log: LogFile) -> None:
        """Count one more file."""
        self.files += 1
        self.events += log.events
        self.bytes += len(log.body)


def to_bucket(
    account: Account,
    environment: Environment,
    volume: Volume,
    *,
    replace: bool,
    progress: Callable[[Written], None],
) -> Written:
    """Write sample logs into the data bucket, one file after the other.

    The ready-made CSV is removed: it belongs to the logs that the stack brought.

    Raises:
        WorkshopError: there are logs already and `replace` is not set; or the environment reads
            logs that are not its own.
    """
    if environment.existing_logs:
        raise WorkshopError(
            f"The environment reads {environment.logs}, which is never written or deleted.",
            "Write sample logs to a folder: workshop seed --to FOLDER",
        )
    s3 = account.session.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=environment.bucket, Prefix=PREFIX)
    for page in pages:
        present = [entry["Key"] for entry in page.get("Contents", [])]
        if present and not replace:
            raise WorkshopError(
                f"s3://{environment.bucket}/{PREFIX} holds logs already, e.g. {present[0]}",
                "Add --replace to delete all of them first",
            )
        for start in range(0, len(present), 1000):  # the service's limit for one call
            s3.delete_objects(
                Bucket=environment.bucket,
                Delete={"Objects": [{"Key": key} for key in present[start : start + 1000]]},
            )

    s3.delete_object(Bucket=environment.bucket, Key=READY_MADE)

    def put(log: LogFile) -> None:
        s3.put_object(
            Bucket=environment.bucket,
            Key=PREFIX + log.key,
            Body=log.body,
            ContentType="application/json",
            ContentEncoding="gzip",
        )

    return _write(volume, put, progress)


def to_folder(folder: Path, volume: Volume, *, progress: Callable[[Written], None]) -> Written:
    """Write sample logs below a folder of this machine, laid out as in the bucket.

    Raises:
        WorkshopError: the folder already exists and is not empty.
    """
    check_empty(folder)

    def put(log: LogFile) -> None:
        path = folder / log.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log.body)

    return _write(volume, put, progress)


def check_empty(folder: Path) -> None:
    """Make sure that nothing in the folder would be mixed with what is written into it.

    Raises:
        WorkshopError: the folder already exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkshopError(
            f"{folder} already exists and is not empty.", "Choose a new or empty folder"
        )


def _write(
    volume: Volume, put: Callable[[LogFile], None], progress: Callable[[Written], None]
) -> Written:
    written = Written()
    for log in log_files(volume.end, volume.days, volume.events):
        put(log)
        written.add(log)
        progress(written)
    return written
