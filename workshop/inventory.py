"""What of an environment is in the account: taken after its deletion, it must be empty."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from workshop import queries
from workshop.account import Account
from workshop.errors import WorkshopError

BOOTSTRAP_STACK = "CDKToolkit"
_SHOWN = 20


@dataclass(frozen=True, order=True)
class Item:
    """One thing in an account.

    Attributes:
        kind: what it is, e.g. `S3 object`.
        name: its name; within its owner, where it has one.
        owner: the bucket, database or workgroup that it is in, or empty.
    """

    kind: str
    name: str
    owner: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.name, self.owner and f"in {self.owner}")))


@dataclass(frozen=True)
class Belongings:
    """The names by which an environment's belongings are known, also when its stack has gone."""

    stack: str
    names: frozenset[str]

    @classmethod
    def of(cls, account: Account, stack: str) -> "Belongings":
        """Read what the stacks of that name, or of that stack set, have or had.

        CloudFormation knows deleted stacks for 90 days. What was kept on purpose (`retainData`) is
        none of it. Where there was no such stack, the names are the usual ones.
        """
        cloudformation = account.session.client("cloudformation")
        ids = [
            found["StackId"]
            for page in cloudformation.get_paginator("list_stacks").paginate()
            for found in page["StackSummaries"]
            if _is_of(found["StackName"], stack)
        ]
        if ids:
            names = frozenset(name for one in ids for name in _had(account.session, one))
        else:
            job = "SegmentEventsJsonToCsv"
            logs = {f"/aws-glue/{job}/error", f"/aws-glue/{job}/output"}
            database, workgroup = "segment_personalize", "segment-personalize"
            names = frozenset({f"personalize-data-{account.id}", database, workgroup, job, *logs})
        return cls(stack, names)

    def include(self, item: Item) -> bool:
        """Whether the item is the environment's, by its name, its owner's, or its prefix."""
        last = item.name.rsplit("/", 1)[-1]
        return (
            bool({item.name, item.owner, last} & self.names)
            or _is_of(last, self.stack)
            or last.startswith(f"{self.stack}-")
        )


def require_nothing(left: Sequence[Item], where: Account, advice: str = "") -> None:
    """Let nothing be left.

    Args:
        left: what an inventory found.
        where: in which account.
        advice: what else there is to do about it.

    Raises:
        WorkshopError: something is; the message names the first twenty.
    """
    if left:
        shown = "\n  ".join(str(item) for item in left[:_SHOWN])
        raise WorkshopError(
            f"{len(left)} things are left on {where}:\n  {shown}",
            "Delete them by hand, then run this again" + advice,
        )


def take(account: Account, belongings: Belongings, besides: str = "") -> list[Item]:
    """List what of an environment is in the account, sorted.

    The services are those that the stack touches: S3 (buckets, and in them objects, versions and
    unfinished uploads), Glue (databases, tables, jobs), Athena (workgroups, saved queries),
    Lambda, IAM (roles, policies), CloudWatch (log groups, dashboards) and CloudFormation. In an
    AWS account it is what `belongings` know; on the embedded AWS, where nothing else lives, it is
    all there is besides the CDK's bootstrap and what is named `besides`: the role by which an
    organizer got in.
    """
    session = account.session
    aws_own = {Item("Athena workgroup", "primary")}
    bootstrap = _bootstrap_names(session)

    def counts(item: Item) -> bool:
        if account.embedded:
            return item not in aws_own and item.name not in bootstrap | {besides}
        return belongings.include(item)

    items = {item for item in _items(session) if counts(item)}
    for bucket in [item.name for item in items if item.kind == "S3 bucket"]:
        items.update(_contents(session, bucket))
    return sorted(items)


def _items(session: boto3.Session) -> Iterator[Item]:
    for kind, service, operation, key, name in (
        ("CloudFormation stack", "cloudformation", "describe_stacks", "Stacks", "StackName"),
        ("Glue job", "glue", "get_jobs", "Jobs", "Name"),
        ("Lambda function", "lambda", "list_functions", "Functions", "FunctionName"),
        ("IAM role", "iam", "list_roles", "Roles", "RoleName"),
        ("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
        ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ):
        yield from (Item(kind, found) for found in _names(session, service, operation, key, name))
    for policy in _names(session, "iam", "list_policies", "Policies", "PolicyName", Scope="Local"):
        yield Item("IAM policy", policy)
    for bucket in session.client("s3").list_buckets()["Buckets"]:
        yield Item("S3 bucket", bucket["Name"])
    for database in _names(session, "glue", "get_databases", "DatabaseList", "Name"):
        yield Item("Glue database", database)
        tables = _names(session, "glue", "get_tables", "TableList", "Name", DatabaseName=database)
        yield from (Item("Glue table", table, database) for table in tables)
    athena = session.client("athena")
    for group in _workgroups(session):
        yield Item("Athena workgroup", group)
        for page in athena.get_paginator("list_named_queries").paginate(WorkGroup=group):
            for _, query in queries.by_id(session, page["NamedQueryIds"]):
                yield Item("Athena saved query", query.name, group)


def _contents(session: boto3.Session, bucket: str) -> Iterator[Item]:
    s3 = session.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in page.get("Versions", []):
            kind = "S3 object" if version["IsLatest"] else "S3 object version"
            yield Item(kind, version["Key"], bucket)
        for marker in page.get("DeleteMarkers", []):
            yield Item("S3 delete marker", marker["Key"], bucket)
    for unfinished in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in unfinished.get("Uploads", []):
            yield Item("S3 unfinished upload", upload["Key"], bucket)


def _names(
    session: boto3.Session,
    service: Any,  # noqa: ANN401 - one of the service names below
    operation: str,
    key: str,
    name: str,
    **arguments: str,
) -> Iterator[str]:
    for page in session.client(service).get_paginator(operation).paginate(**arguments):
        yield from (entry[name] for entry in page[key])


def _workgroups(session: boto3.Session) -> Iterator[str]:
    # botocore has no paginator for this call.
    athena = session.client("athena")
    page = athena.list_work_groups()
    while True:
        yield from (group["Name"] for group in page["WorkGroups"])
        if "NextToken" not in page:
            return
        page = athena.list_work_groups(NextToken=page["NextToken"])


def _is_of(name: str, stack: str) -> bool:
    """Whether a stack has that name, or that stack set has made it."""
    return name == stack or name.startswith(f"StackSet-{stack}-")


def _had(session: boto3.Session, stack: str) -> set[str]:
    """The physical names of what a stack, by its name or id, has made and not kept.

    By its id it may be deleted.
    """
    had, kept = set[str](), set[str]()
    pages = session.client("cloudformation").get_paginator("describe_stack_events")
    for page in pages.paginate(StackName=stack):
        for event in page["StackEvents"]:
            status, name = event["ResourceStatus"], event.get("PhysicalResourceId", "")
            # What was not made may be somebody else's, of the same name.
            if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
                had |= {name, name.rsplit("/", 1)[-1]}
            # The bucket's policy is always kept for the bucket to take along, and named as that.
            elif status == "DELETE_SKIPPED" and event["ResourceType"] == "AWS::S3::Bucket":
                kept.add(name)
    return had - kept - {""}  # as the owner of most things is empty


def _bootstrap_names(session: boto3.Session) -> set[str]:
    """The physical names of the CDK's bootstrap; none where it was never run."""
    try:
        return {BOOTSTRAP_STACK, *_had(session, BOOTSTRAP_STACK)}
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return set()
