"""Writing sample Segment logs, any number of them, and the CSV that the stack has of its own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from stacks.bucket_contents.handler import PREFIX, READY_MADE
from stacks.bucket_contents.simulated_shop import LogFile
from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError
from workshop.verification import PREFIX as CSV


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

    def __str__(self) -> str:
        return f"{self.events:,} events in {self.files:,} files"


def to_bucket(
    account: Account,
    environment: Environment,
    logs: Iterable[LogFile],
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
    bucket = account.session.resource("s3").Bucket(environment.bucket)
    present = bucket.objects.filter(Prefix=PREFIX)
    if not replace and (some := [*present.limit(1)]):
        raise WorkshopError(
            f"s3://{environment.bucket}/{PREFIX} holds logs already, e.g. {some[0].key}",
            "Add --replace to delete all of them first",
        )
    present.delete()
    s3 = account.session.client("s3")
    s3.delete_object(Bucket=environment.bucket, Key=READY_MADE)

    def put(log: LogFile) -> None:
        s3.put_object(
            Bucket=environment.bucket,
            Key=PREFIX + log.key,
            Body=log.body,
            ContentType="application/json",
            ContentEncoding="gzip",
        )

    return _write(logs, put, progress)


def use_ready_made(account: Account, environment: Environment) -> str:
    """Copy the CSV of the stack's own logs to where the job would have written it; return where.

    Raises:
        WorkshopError: there is a CSV already, or none to copy.
    """
    s3, bucket = account.session.client("s3"), environment.bucket
    key = CSV + READY_MADE.rpartition("/")[2]
    there = s3.list_objects_v2(Bucket=bucket, Prefix=CSV).get("Contents", [])
    csv = [entry["Key"] for entry in there if entry["Key"].endswith(".csv")]
    if csv and csv != [key]:
        raise WorkshopError(
            f"There is a CSV already: s3://{bucket}/{csv[0]}",
            "Personalize would import both. Check this one: workshop verify",
        )
    try:
        s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": READY_MADE})
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        raise WorkshopError(
            f"There is no ready-made CSV: s3://{bucket}/{READY_MADE}",
            "It comes with the sample logs of a deployment; for others, run the job: "
            "workshop run-job",
        ) from error
    return f"s3://{bucket}/{key}"


def to_folder(
    folder: Path, logs: Iterable[LogFile], *, progress: Callable[[Written], None]
) -> Written:
    """Write sample logs below a folder of this machine, laid out as in the bucket.

    Raises:
        WorkshopError: the folder already exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkshopError(
            f"{folder} already exists and is not empty.", "Choose a new or empty folder"
        )

    def put(log: LogFile) -> None:
        path = folder / log.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log.body)

    return _write(logs, put, progress)


def _write(
    logs: Iterable[LogFile], put: Callable[[LogFile], None], progress: Callable[[Written], None]
) -> Written:
    written = Written()
    for log in logs:
        put(log)
        written.add(log)
        progress(written)
    return written
