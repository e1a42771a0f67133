"""The CSV that the stack brings for those whose job fails: that of its own sample logs."""

from botocore.exceptions import ClientError

from stacks.bucket_contents.handler import READY_MADE
from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError
from workshop.verification import PREFIX


def use(account: Account, environment: Environment) -> str:
    """Copy it to where the job would have written its own; return where it is now.

    Raises:
        WorkshopError: there is a CSV already, or none to copy.
    """
    s3, bucket = account.session.client("s3"), environment.bucket
    key = PREFIX + READY_MADE.rpartition("/")[2]
    there = s3.list_objects_v2(Bucket=bucket, Prefix=PREFIX).get("Contents", [])
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
