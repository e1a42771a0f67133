"""Looking around in the data bucket: folders, and the beginning of an object."""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError

_MOST = 200  # entries of a folder that are shown
_READ_BYTES, _UNPACKED_BYTES = 100_000, 200_000
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Entry:
    """A folder, whose key ends with a slash, or an object with its size in bytes."""

    key: str
    size: int = 0

    @property
    def name(self) -> str:
        """The last part of its key; of a folder, a slash behind it."""
        return self.key[self.key.rstrip("/").rfind("/") + 1 :]

    @property
    def day(self) -> str:
        """The UTC day that a folder of Segment's is named by; empty for anything else."""
        name = self.name.rstrip("/")
        if not (self.key.endswith("/") and name.isdecimal() and len(name) == 13):  # noqa: PLR2004
            return ""
        return f"{datetime.fromtimestamp(int(name) / 1000, UTC):%Y-%m-%d}"


def entries(account: Account, environment: Environment, prefix: str) -> tuple[list[Entry], bool]:
    """What is in a folder, folders first; and whether there is more than is listed."""
    answer: Any = account.session.client("s3").list_objects_v2(
        Bucket=environment.bucket, Prefix=prefix, Delimiter="/", MaxKeys=_MOST
    )
    folders = [Entry(one["Prefix"]) for one in answer.get("CommonPrefixes", [])]
    objects = [Entry(one["Key"], one["Size"]) for one in answer.get("Contents", [])]
    return folders + [one for one in objects if one.key != prefix], bool(answer["IsTruncated"])


def first_lines(account: Account, environment: Environment, key: str, most: int) -> list[str]:
    """The first lines of an object, unpacked where it is gzipped.

    Raises:
        WorkshopError: there is no such object, or it is damaged from its beginning.
    """
    try:
        body = account.session.client("s3").get_object(Bucket=environment.bucket, Key=key)["Body"]
        content = body.read(_READ_BYTES)
        if content[:2] == b"\x1f\x8b":
            content = zlib.decompressobj(_GZIP).decompress(content, _UNPACKED_BYTES)
    except (ClientError, zlib.error) as error:
        raise WorkshopError(
            f"{key} cannot be read: {error}", "Choose another object: workshop open console"
        ) from error
    return content.decode(errors="replace").splitlines()[:most]
