"""Personalize in an account of the embedded AWS, and interactions as the job writes them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

from tests.support.policies import policy
from tests.support.waiting import until
from workshop.account import EMBEDDED_REGION

SERVICE = "personalize.amazonaws.com"
COLUMNS = {"USER_ID": "string", "ITEM_ID": "string", "EVENT_TYPE": "string", "TIMESTAMP": "long"}

HEADER = "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP"
FIRST_SECOND = 1_700_000_000


def interactions(records: int = 1200, header: str = HEADER, more: str = "") -> bytes:
    """A CSV of records of forty users.

    Args:
        records: how many.
        header: its first line.
        more: what each record has behind its four values.
    """
    kinds = ("Product Clicked", "Product Added", "Order Completed")
    lines = (
        f"user{n % 40},item{n % 7},{kinds[n % 3]},{FIRST_SECOND + n}{more}" for n in range(records)
    )
    return "\n".join([header, *lines, ""]).encode()


def settled(describe: Callable[[], Any]) -> Any:
    """Wait until a creation has ended; return what Personalize says then."""

    def look() -> Any:
        (found,) = (value for key, value in describe().items() if key != "ResponseMetadata")
        return found if found["status"] in {"ACTIVE", "CREATE FAILED"} else None

    return until(look, pause=0.05)


def schema(name: str = "Interactions", version: str = "1.0", **types: Any) -> str:
    """A schema's text; without types it is that of the job's CSV."""
    fields = [{"name": column, "type": kind} for column, kind in (types or COLUMNS).items()]
    heading = {"type": "record", "name": name, "version": version, "fields": fields}
    return json.dumps(heading | {"namespace": "com.amazonaws.personalize.schema"})


@dataclass(frozen=True)
class Service:
    """Personalize in one account, with a bucket and a role that it may read by."""

    session: boto3.Session
    account: str

    @cached_property
    def client(self) -> Any:
        """A client that leaves it to the service to look at requests."""
        return self.session.client("personalize", config=Config(parameter_validation=False))

    @property
    def bucket(self) -> str:
        return f"interactions-{self.account}"

    @property
    def role(self) -> str:
        return f"arn:aws:iam::{self.account}:role/reader"

    def arn(self, name: str) -> str:
        return f"arn:aws:personalize:{EMBEDDED_REGION}:{self.account}:{name}"

    def put_bucket_policy(self, *actions: str) -> None:
        """Let Personalize do these, for this account, and everybody's plain HTTP be refused."""
        here = [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"]
        allow = {"Principal": {"Service": SERVICE}, "Condition": self.source()}
        deny = {
            "Effect": "Deny",
            "Principal": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        statements = [deny | {"Action": "s3:*", "Resource": here}]
        if actions:
            statements.append(allow | {"Action": list(actions), "Resource": here})
        self.session.client("s3").put_bucket_policy(Bucket=self.bucket, Policy=policy(*statements))

    def put_trust(self, **trust: Any) -> None:
        """Let Personalize take the role, for this account, unless the statement says else."""
        statement = {
            "Principal": {"Service": SERVICE},
            "Action": "sts:AssumeRole",
            "Condition": self.source(),
        }
        self.session.client("iam").update_assume_role_policy(
            RoleName="reader", PolicyDocument=policy(statement | trust)
        )

    def put_rights(self, *actions: str) -> None:
        """Let the role do these in the bucket."""
        document = policy(
            Action=list(actions) or "s3:GetBucketLocation",
            Resource=[f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"],
        )
        self.session.client("iam").put_role_policy(
            RoleName="reader", PolicyName="read", PolicyDocument=document
        )

    def source(self) -> dict[str, Any]:
        """The conditions against the confused deputy."""
        return {
            "StringEquals": {"aws:SourceAccount": self.account},
            "ArnLike": {"aws:SourceArn": self.arn("*")},
        }

    def import_(self, name: str, **changes: Any) -> Any:
        """Import to the end; return the job."""
        request = {
            "jobName": name,
            "datasetArn": self.arn("dataset/group/INTERACTIONS"),
            "dataSource": {"dataLocation": f"s3://{self.bucket}/csv/"},
            "roleArn": self.role,
        }
        arn = self.client.create_dataset_import_job(**{**request, **changes})["datasetImportJobArn"]
        return settled(lambda: self.client.describe_dataset_import_job(datasetImportJobArn=arn))

    def make_dataset(self, group: str) -> tuple[str, str]:
        """Make a dataset group with a dataset of interactions; return the ARNs of both."""
        client, arn = self.client, self.arn(f"dataset-group/{group}")
        dataset = self.arn(f"dataset/{group}/INTERACTIONS")
        client.create_dataset_group(name=group)
        settled(lambda: client.describe_dataset_group(datasetGroupArn=arn))
        client.create_dataset(
            name=group,
            datasetType="Interactions",
            datasetGroupArn=arn,
            schemaArn=self.arn("schema/schema"),
        )
        settled(lambda: client.describe_dataset(datasetArn=dataset))
        return arn, dataset

    def wait_until_gone(self, describe: str, **arn: str) -> None:
        """Wait until Personalize does not know it any more."""

        def gone() -> bool:
            try:
                getattr(self.client, describe)(**arn)
            except self.client.exceptions.ResourceNotFoundException:
                return True
            return False

        until(gone, pause=0.05)
