"""Whether the CSV in the bucket is of the logs that are there now, and of the newest run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from workshop.account import Account
from workshop.environment import Environment, bucket_and_key
from workshop.job import JobRun, last_run
from workshop.verification import PREFIX as CSV

# The script names its files by the moment at which its run began, in epoch milliseconds.
_CSV_NAME = re.compile(r"run-([0-9]{1,15})-part-r-[0-9]+[.]csv")


@dataclass(frozen=True)
class Data:
    """What is in the bucket, by time; all times are epoch milliseconds.

    Attributes:
        csv: when the run began that wrote the CSV; 0 without a CSV.
        logs: when the newest log came; 0 without logs.
        files: how many logs there are.
    """

    csv: int
    logs: int
    files: int

    def complaint(self, newest: JobRun | None) -> str:
        """Say why the CSV is not of what is there now; empty if it is, or if there is none.

        Args:
            newest: the newest run that has ended.
        """
        if self.csv and self.logs > self.csv:
            return "The CSV is older than the newest logs"
        if self.csv and newest and newest.state != "SUCCEEDED" and newest.started > self.csv:
            return f"The CSV is older than the run {newest.id}, which is {newest.state}"
        return ""

    def is_of(self, run: JobRun) -> bool:
        """Whether that run wrote the CSV, and from the logs that are there now."""
        return run.started <= self.csv <= run.ended and self.logs <= self.csv


def look(account: Account, environment: Environment) -> Data:
    """Look at what is in the bucket."""
    logs = [modified for _, modified in _objects(account, environment.logs)]
    return Data(csv_begun(account, environment), max(logs, default=0), len(logs))


def csv_begun(account: Account, environment: Environment, folder: str = CSV) -> int:
    """When the run began that wrote the CSV in a folder, in epoch milliseconds; 0 without a CSV."""
    files = [
        (key.removeprefix(folder), modified)
        for key, modified in _objects(account, f"s3://{environment.bucket}/{folder}")
    ]
    written = [
        # The ready-made CSV is of no run, and has the number 0.
        int(named[1]) or modified if (named := _CSV_NAME.fullmatch(name)) else modified
        for name, modified in files
        if name.endswith(".csv") and "/" not in name  # days have theirs
    ]
    return min(written, default=0)


def complaint(account: Account, environment: Environment) -> str:
    """Say why the CSV is not of what is there now; empty if it is, or if there is none."""
    return look(account, environment).complaint(last_run(account, environment))


def _objects(account: Account, folder: str) -> Iterator[tuple[str, int]]:
    """Yield the key of each object below an S3 URL, and when it was written."""
    bucket, prefix = bucket_and_key(folder)
    pages = account.session.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            yield entry["Key"], int(entry["LastModified"].timestamp() * 1000)
