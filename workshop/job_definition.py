"""The Glue job as it is defined now: participants may edit its arguments and its script."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from workshop.account import Account
from workshop.environment import Environment, bucket_and_key
from workshop.errors import WorkshopError

_LONGEST_SCRIPT = 1_000_000  # bytes


def definition(account: Account, environment: Environment) -> Mapping[str, Any]:
    """The job as Glue has it."""
    return account.session.client("glue").get_job(JobName=environment.job)["Job"]


def arguments(account: Account, environment: Environment) -> Mapping[str, str]:
    """The arguments of the job's definition with their values; none where there is no job."""
    try:
        found: Mapping[str, str] = definition(account, environment).get("DefaultArguments", {})
    except ClientError:  # who starts the job is told why
        return {}
    return found


def location(definition: Mapping[str, Any]) -> str:
    """Where the job looks for its script: what a participant wrote, if one edited the job."""
    return str(definition["Command"].get("ScriptLocation", ""))


def script(account: Account, environment: Environment) -> str:
    """The text of the job's script.

    Raises:
        WorkshopError: it cannot be read where the job looks for it.
    """
    place = location(definition(account, environment))
    advice = "Restore the script's path in the job's details: workshop status"
    bucket, key = bucket_and_key(place)
    if not (bucket and key):
        raise WorkshopError(f"The job has no script at {place[:200]!r}.", advice)
    try:
        body = account.session.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        raise WorkshopError(
            f"The job's script cannot be read: {error.response['Error']['Message']}", advice
        ) from error
    return body.read(_LONGEST_SCRIPT).decode(errors="replace")
