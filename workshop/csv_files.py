"""The CSV files of a place: a folder of this machine, or a prefix of a bucket."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from workshop.account import Account
from workshop.environment import bucket_and_key
from workshop.errors import WorkshopError

_CHUNK_BYTES = 1024**2


@dataclass(frozen=True)
class File:
    """A file of any kind: its name below the place, its bytes, and a way to read them."""

    name: str
    size: int
    chunks: Callable[[], Iterable[bytes]]


def of_place(place: str, account: Callable[[], Account]) -> Iterator[File]:
    """Yield the files of a place that a user names.

    Args:
        place: a folder's path, or `s3://bucket/prefix`.
        account: gives the account whose credentials read S3; a folder needs none.

    Raises:
        WorkshopError: the place is neither.
    """
    if place.startswith("s3:"):
        bucket, key = bucket_and_key(place)
        if not bucket:
            raise WorkshopError(f"{place!r} is not an S3 URL.", "Name it like s3://bucket/prefix")
        return in_bucket(account(), bucket, f"{prefix}/" if (prefix := key.strip("/")) else "")
    folder = Path(place)
    if not folder.is_dir():
        raise WorkshopError(f"{place} is not a folder.", "Name a folder, or s3://bucket/prefix")
    return in_folder(folder)


def in_folder(folder: Path) -> Iterator[File]:
    """Yield the files below a folder, in the order of their names."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        yield File(name, path.stat().st_size, partial(_read, path))


def in_bucket(account: Account, bucket: str, prefix: str) -> Iterator[File]:
    """Yield the objects below a prefix that ends with a slash."""
    s3 = account.session.client("s3")

    def chunks(key: str) -> Iterable[bytes]:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(_CHUNK_BYTES)

    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            name = entry["Key"].removeprefix(prefix)
            # Spark's S3 client may leave an empty object for the folder itself.
            if name or entry["Size"]:
                yield File(name, entry["Size"], partial(chunks, entry["Key"]))


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_CHUNK_BYTES), b"")
