"""Copies the objects of a Glue run's paths down to files, and what changed up again."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from workshop.errors import WorkshopError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_TRANSFERS_AT_ONCE = 8
# Arguments that are paths for Glue itself, not for the script's data.
_GLUES_OWN_PATHS = ("--TempDir", "--scriptLocation", "--spark-event-logs-path", "--extra-py-files")
# As S3's rules for bucket names have it (userguide/bucketnamingrules.html).
_BUCKET_NAME = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Data:
    """The objects below the `s3://` paths of a run's arguments, as files.

    Args:
        s3: the client of the job's role.
        folder: where the files go, one folder a bucket.
        paths: bucket and key of each path.
    """

    def __init__(self, s3: "S3Client", folder: Path, paths: list[tuple[str, str]]) -> None:
        self.buckets = {bucket: folder / bucket for bucket, _ in paths}
        self._s3 = s3
        self._paths = paths
        self._copied: dict[Path, tuple[int, int]] = {}
        self._seen: set[Path] = set()

    def copy_down(self) -> None:
        """Copy every object below the paths.

        Raises:
            ClientError: the role may not list or read them, or a bucket is missing.
        """
        for folder in self.buckets.values():
            folder.mkdir(parents=True)
        with ThreadPoolExecutor(_TRANSFERS_AT_ONCE) as pool:
            objects = {found for path in self._paths for found in self._objects(*path)}
            for file, stamp in pool.map(lambda found: self._download(*found), sorted(objects)):
                self._copied[file] = stamp
        self._seen = set(self._siblings())

    def look(self) -> None:
        """Note the folders that the script has made beside its paths."""
        self._seen.update(self._siblings())

    def copy_up(self) -> None:
        """Copy new and changed files up and delete the objects whose files have gone.

        Raises:
            ClientError: the role may not write or delete them.
        """
        for folder in sorted(self._seen):
            # Made and removed again: on AWS there were objects below it, so the role needs to be
            # allowed to write and delete there.
            if not folder.exists():
                bucket, key = self._address(folder)
                self._s3.put_object(Bucket=bucket, Key=f"{key}/", Body=b"")
                self._s3.delete_object(Bucket=bucket, Key=f"{key}/")
        present = {
            file for folder in self.buckets.values() for file in folder.rglob("*") if file.is_file()
        }
        for file in sorted(present):
            if self._copied.get(file) != _stamp(file):
                bucket, key = self._address(file)
                with file.open("rb") as body:
                    self._s3.put_object(Bucket=bucket, Key=key, Body=body)
        for file in sorted(self._copied.keys() - present):
            bucket, key = self._address(file)
            self._s3.delete_object(Bucket=bucket, Key=key)

    def _objects(self, bucket: str, key: str) -> Iterator[tuple[str, str]]:
        """The path as Spark's S3 connector sees it: an object of that name, or a folder."""
        if key and self._is_object(bucket, key):
            yield bucket, key
            return
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{key}/" if key else ""
        )
        for page in pages:
            for found in page.get("Contents", []):
                # A key with an empty, "." or ".." part has no file name (nor a Hadoop path).
                if not {"", ".", ".."} & set(found["Key"].split("/")):
                    yield bucket, found["Key"]

    def _is_object(self, bucket: str, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            return False
        return True

    def _download(self, bucket: str, key: str) -> tuple[Path, tuple[int, int]]:
        file = self.buckets[bucket] / key
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as target:
            for chunk in self._s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
                target.write(chunk)
        return file, _stamp(file)

    def _siblings(self) -> Iterator[Path]:
        for bucket, key in self._paths:
            beside = (self.buckets[bucket] / key).parent if key else self.buckets[bucket]
            if beside.is_dir():
                yield from (path for path in beside.iterdir() if path.is_dir())

    def _address(self, path: Path) -> tuple[str, str]:
        for bucket, folder in self.buckets.items():
            if path.is_relative_to(folder):
                return bucket, path.relative_to(folder).as_posix()
        raise ValueError(path)


def fetched(s3: "S3Client", path: str, file: Path) -> Path:
    """Copy an object to a file, as the job's role."""
    bucket, key = _bucket_and_key(path)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return file


def data_paths(arguments: Mapping[str, str]) -> list[tuple[str, str]]:
    """Bucket and key of each path of the script's data.

    Raises:
        WorkshopError: a path of data that does not lead to a bucket, but into this machine.
    """
    for name, value in arguments.items():
        if re.fullmatch(r"--S3_\w+_PATH", name) and not value.startswith("s3://"):
            raise WorkshopError(f"{name} {value} does not begin with s3://", "Name a bucket")
    return [
        _bucket_and_key(value)
        for name, value in arguments.items()
        if value.startswith("s3://") and name not in _GLUES_OWN_PATHS
    ]


def _bucket_and_key(path: str) -> tuple[str, str]:
    """The two parts of an S3 path, which name a folder and a file of the run here.

    Raises:
        WorkshopError: either would lead out of the run's own folder.
    """
    bucket, _, key = path.removeprefix("s3://").partition("/")
    if not _BUCKET_NAME.fullmatch(bucket) or {".", ".."} & {*key.split("/")}:
        raise WorkshopError(f"{path} is not a path of S3", "Name a bucket and a key")
    return bucket, key.strip("/")


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns
