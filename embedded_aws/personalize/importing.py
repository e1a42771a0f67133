"""Reads the CSV of a dataset import job, as its role, and says why it cannot be imported.

Sources: Amazon Personalize Developer Guide, "Common error messages in Amazon Personalize" (the
texts), "Giving Amazon Personalize access to Amazon S3 resources" (role and bucket policy),
"Amazon Personalize endpoints and quotas" (the limits), "Preparing training data" (the format).
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from embedded_aws import hooks, role_session
from embedded_aws.personalize.schema import Schema

_MOST_BYTES = {False: 100 * 1024**3, True: 1024**3}  # by whether it is incremental
_LEAST_RECORDS = 1000
_LONGEST_ID = 256
_IDS = ("USER_ID", "ITEM_ID")
_MOST_TYPES_AND_COLUMNS = 10
_NO_ACCESS = "Insufficient privileges for accessing data in Amazon S3."
_FORMAT = "https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html"


@dataclass(frozen=True)
class Import:
    """What a job imports: CSV files at a place, by a role, into a dataset with a schema."""

    schema: Schema
    location: str
    role: str
    job: str
    incremental: bool


class UnreadableError(Exception):
    """Why the import fails."""


def read(data: Import) -> str:
    """Read the data to its end; return why it cannot be imported, or an empty text."""
    reason = ""
    try:
        _read(data)
    except UnreadableError as error:
        reason = str(error)
    except (ClientError, BotoCoreError, UnicodeDecodeError, csv.Error) as error:
        denied = (
            isinstance(error, ClientError) and error.response["Error"]["Code"] == "AccessDenied"
        )
        reason = f"{_NO_ACCESS} ({error})" if denied else str(error)
    what = f"Failed to create a data import job for {data.schema.name} dataset."
    return f"{what} {reason}" if reason else ""


def _read(data: Import) -> None:
    bucket, key = urlsplit(data.location).netloc, urlsplit(data.location).path.removeprefix("/")
    _check_trust(data)
    _check_bucket_policy(data, "s3:ListBucket", f"arn:aws:s3:::{bucket}")
    _check_bucket_policy(data, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    s3 = role_session.client("s3", data.role, "PersonalizeImport")
    files = [found for found in _objects(s3, bucket, key) if found["Size"]]
    if not files:
        raise UnreadableError(
            f"No objects found in s3 path {data.location}, please ensure the path is specified "
            "correctly."
        )
    size, most = sum(file["Size"] for file in files), _MOST_BYTES[data.incremental]
    if size > most:
        raise UnreadableError(f"The input has {size} bytes, and may have {most}.")
    records = _Records(data.schema)
    for file in files:
        body = s3.get_object(Bucket=bucket, Key=file["Key"])["Body"]
        text = io.TextIOWrapper(io.BufferedReader(body), "utf-8", newline="")
        records.add(file["Key"], text)
    records.check_numbers()


def _objects(s3: Any, bucket: str, key: str) -> Iterator[Any]:
    """An object, or those in a folder: not those of the folders in it."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
        for found in page.get("Contents", []):
            if found["Key"] == key or (key.endswith("/") and "/" not in found["Key"][len(key) :]):
                yield found


# ---- Rights ----


def _decision(data: Import, policy: Any, action: str, resource: str) -> str:
    """How a policy decides on Personalize itself, which says for whom it asks."""
    account, region = hooks.responses.get_account_id(), hooks.responses.get_region()
    context = hooks.iam_evaluator.EvalContext(
        principal_arn="",
        principal_type="AWSService",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        secure_transport=True,
        service_context={"aws:sourceaccount": account, "aws:sourcearn": data.job},
    )
    decided = hooks.iam_evaluator.evaluate_resource_policy(
        policy, context, service="personalize.amazonaws.com"
    )
    return str(decided.decision)


def _check_trust(data: Import) -> None:
    role = hooks.iam.roles.get(data.role.rpartition("/")[2])
    trust = role["AssumeRolePolicyDocument"] if role and role["Arn"] == data.role else None
    if _decision(data, trust, "sts:AssumeRole", data.role) != "Allow":
        raise UnreadableError(f"{_NO_ACCESS} (Personalize cannot assume {data.role})")


def _check_bucket_policy(data: Import, action: str, resource: str) -> None:
    found = hooks.s3.bucket_policy_for_arn(resource)
    if found is None or _decision(data, found[0], action, resource) != "Allow":
        raise UnreadableError(
            f"{_NO_ACCESS} (the bucket policy does not allow {action} on {resource})"
        )


# ---- Records ----


@dataclass
class _Records:
    """What the records of all files have in common."""

    schema: Schema
    number: int = 0
    event_types: set[str] = field(default_factory=set)

    def add(self, name: str, text: io.TextIOWrapper) -> None:
        """Read a file.

        Raises:
            UnreadableError: it does not fit the schema.
        """
        header = text.readline().rstrip("\r\n").split(",")
        if missing := [column for column in self.schema.fields if column not in header]:
            raise UnreadableError(
                f"Input CSV is missing the following columns:[{', '.join(missing)}]."
            )
        for row in csv.reader(text):
            self.number += 1
            if len(row) != len(header):
                raise UnreadableError(
                    f"Record {self.number} in {name} has {len(row)} columns, not {len(header)}."
                )
            values = dict(zip(header, row, strict=True))
            for column, types in self.schema.fields.items():
                _check(column, types, values[column])
            self.event_types.add(values.get("EVENT_TYPE", ""))

    def check_numbers(self) -> None:
        """Hold what was counted against the quotas.

        Raises:
            UnreadableError: there are too few records, or too many event types.
        """
        if self.schema.name != "Interactions":
            return
        if self.number < _LEAST_RECORDS:
            raise UnreadableError(
                f"A dataset import job needs at least {_LEAST_RECORDS} item interactions records, "
                f"and the input has {self.number}."
            )
        optional = len(self.schema.fields.keys() - self.schema.required.keys() - {"EVENT_VALUE"})
        if len(self.event_types) + optional > _MOST_TYPES_AND_COLUMNS:
            raise UnreadableError(
                f"{len(self.event_types)} distinct event types and {optional} optional columns are "
                f"more than {_MOST_TYPES_AND_COLUMNS}."
            )


def _check(column: str, types: tuple[str, ...], value: str) -> None:
    """Hold a value against its column.

    Raises:
        UnreadableError: it is empty, too long or of another type.
    """
    if not value:
        if "null" not in types:
            raise UnreadableError(f"The column {column} has an empty value.")
        return
    if column in _IDS and len(value) > _LONGEST_ID:
        raise UnreadableError(
            f"Length cannot be more than {_LONGEST_ID} characters for {column}. If no values "
            f"exceed the character limit, make sure your data follows the formatting guidelines "
            f"listed in {_FORMAT}."
        )
    for kind, convert in (("long", int), ("int", int), ("float", float), ("double", float)):
        if kind in types:
            try:
                convert(value)
            except ValueError as error:
                raise UnreadableError(
                    f"The column {column} has a value that is not of type {kind}."
                ) from error
