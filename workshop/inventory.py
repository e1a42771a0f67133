"""What is left of an environment in its account: whatever its stack's events name, and no more.

CloudFormation keeps the events of deleted stacks for 90 days. A name alone proves nothing: Glue has
log groups of its own in every account, and other copies have names that begin alike. So each thing
that the stack has made is looked up by its type and its whole name.
"""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from workshop import causes
from workshop.account import Account
from workshop.console import counted
from workshop.environment import stack_set_names
from workshop.errors import WorkshopError
from workshop.personalize import state as personalize

_SHOWN = 20
_STACK = "AWS::CloudFormation::Stack"
# Whose name is that of the dataset group in Personalize, if `personalize import` made one.
_WORKGROUP = "AWS::Athena::WorkGroup"
_PATIENCE_SECONDS, _PAUSE_SECONDS = 60, 5
# How a resource is looked up: what it is called here, the service, the operation, its argument.
# What is in a workgroup or a bucket goes with it, as a log group takes its metric filters along.
_LOOKUPS: dict[str, tuple[str, Any, str, str]] = {
    _WORKGROUP: ("Athena workgroup", "athena", "get_work_group", "WorkGroup"),
    _STACK: ("CloudFormation stack", "cloudformation", "describe_stacks", "StackName"),
    "AWS::CloudWatch::Dashboard": ("dashboard", "cloudwatch", "get_dashboard", "DashboardName"),
    "AWS::Glue::Database": ("Glue database", "glue", "get_database", "Name"),
    "AWS::Glue::Job": ("Glue job", "glue", "get_job", "JobName"),
    "AWS::Glue::Table": ("Glue table", "glue", "get_table", "Name"),
    "AWS::IAM::ManagedPolicy": ("IAM policy", "iam", "get_policy", "PolicyArn"),
    "AWS::IAM::Role": ("IAM role", "iam", "get_role", "RoleName"),
    "AWS::Lambda::Function": ("Lambda function", "lambda", "get_function", "FunctionName"),
    "AWS::Logs::LogGroup": ("log group", "logs", "describe_log_groups", "logGroupNamePrefix"),
    "AWS::S3::Bucket": ("S3 bucket", "s3", "head_bucket", "Bucket"),
}
# What the services say of something that is not there.
_GONE = {
    *("404", "EntityNotFoundException", "NoSuchBucket", "NoSuchEntity", "ResourceNotFound"),
    *("ResourceNotFoundException", "ValidationError"),
}
# The lesson's saved query 04 makes this database; query 05 and the guide make tables in it.
_LESSON_DATABASE = "default"


@dataclass(frozen=True, order=True)
class Item:
    """One thing in an account.

    Attributes:
        kind: its type in CloudFormation, e.g. `AWS::S3::Bucket`.
        name: its physical id.
        database: a table's database; empty for anything else.
    """

    kind: str
    name: str
    database: str = ""

    def __str__(self) -> str:
        name = self.name.split("/")[1] if self.name.startswith("arn:") else self.name
        return f"{_LOOKUPS[self.kind][0]} {name}" + (
            f" in {self.database}" if self.database else ""
        )


@dataclass(frozen=True)
class Inventory:
    """What an account has of an environment.

    Attributes:
        known: whether CloudFormation knows the stack, deleted or not.
        left: what is there and was the stack's.
        unchecked: what could not be looked up, and why.
        participants: what participants made by the lesson's own queries, and how to remove it.
        imported: what `personalize import` made, and how to remove it.
    """

    known: bool
    left: list[Item] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    participants: dict[str, str] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)

    def summary(self, account: Account, stack: str) -> str:
        """Say in one line what was found."""
        if not self.known:
            return (
                f"no stack {stack} in {account.region}, nor one deleted in the last 90 days: "
                "was it deployed in another region?"
            )
        texts = [counted(len(self.left), "thing") + " left" if self.left else "nothing left"]
        if self.unchecked:
            texts.append(f"{len(self.unchecked)} could not be looked up")
        if self.participants:
            texts.append("participants made " + ", ".join(self.participants))
        if self.imported:
            texts.append("in Personalize there are " + ", ".join(self.imported))
        return "; ".join(texts)

    def facts(self) -> dict[str, object]:
        """What was found, as JSON values."""
        return {
            "left": [str(item) for item in self.left],
            "unchecked": self.unchecked,
            "participants": self.participants,
            "imported": self.imported,
        }

    def require_nothing(self, account: Account) -> None:
        """Raise an error if anything is left or could not be looked up.

        Raises:
            WorkshopError: something is; the message names the first twenty.
        """
        if self.left:
            stacks = [item for item in self.left if item.kind == _STACK]
            raise WorkshopError(
                f"{counted(len(self.left), 'thing')} left on {account}:{_listed(self.left)}",
                f"Delete {stacks[0]} with its stack set, then run this again"
                if stacks
                else "They belonged to the stack: delete them by hand, then run this again",
            )
        if self.unchecked:
            raise WorkshopError(
                f"Nothing was found, but not everything on {account} could be looked up:"
                f"{_listed(self.unchecked)}",
                "Grant the permissions that the messages name, then run this again",
            )


def take(account: Account, stack: str) -> Inventory:
    """Look up everything that the stacks of a name, or of a stack set, have made and not kept.

    AWS goes on showing for a while what has just been deleted: what is there is looked up again,
    for up to a minute, before it counts as left. The embedded AWS forgets at once.
    """
    ids = list(_ids(account, stack))
    items = {item for one in ids for item in _made(account, one)}
    end = time.monotonic() + (0 if account.embedded else _PATIENCE_SECONDS)
    present, unchecked = _look_up(account, items)
    while present and time.monotonic() < end and not any(i.kind == _STACK for i in present):
        time.sleep(_PAUSE_SECONDS)
        present, unchecked = _look_up(account, items)
    if present:
        present -= _of_other_stacks(account, {*ids})
    buckets = {item.name for item in items if item.kind == "AWS::S3::Bucket"}
    imported, hidden = personalize.leftovers(account, _workgroups(account, {*ids}, items))
    return Inventory(
        bool(ids),
        sorted(present),
        sorted([*unchecked, *hidden]),
        _made_by_lesson(account, buckets),
        dict.fromkeys(map(str, imported), personalize.TEARDOWN),
    )


def workgroups(account: Account, stack: str) -> list[str]:
    """The names of the workgroups that a stack has or had, and no other stack has now."""
    ids = set(_ids(account, stack))
    return _workgroups(account, ids, {item for one in ids for item in _made(account, one)})


def _workgroups(account: Account, ids: set[str], items: set[Item]) -> list[str]:
    own = {item for item in items if item.kind == _WORKGROUP}
    return sorted(item.name for item in own - _of_other_stacks(account, ids)) if own else []


def _ids(account: Account, stack: str) -> Iterator[str]:
    """Yield the ids of the stacks of that name, and of those that a stack set of that name made."""
    names = re.compile(f"{re.escape(stack)}|{stack_set_names(stack)}")
    cloudformation = account.session.client("cloudformation")
    for page in cloudformation.get_paginator("list_stacks").paginate():
        for summary in page["StackSummaries"]:
            if names.fullmatch(summary["StackName"]):
                yield summary["StackId"]


def _made(account: Account, stack_id: str) -> set[Item]:
    """What a stack has made, itself included, without what it was told to keep (`retainData`)."""
    made, kept = set[tuple[str, str]](), set[tuple[str, str]]()
    pages = account.session.client("cloudformation").get_paginator("describe_stack_events")
    for page in pages.paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            resource = event["ResourceType"], event.get("PhysicalResourceId", "")
            # What was not made may be somebody else's, of the same name.
            if event["ResourceStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
                made.add(resource)
            elif event["ResourceStatus"] == "DELETE_SKIPPED":
                kept.add(resource)
    return _items(made - kept) | {Item(_STACK, stack_id)}


def _items(resources: Iterable[tuple[str, str]]) -> set[Item]:
    """A stack's resources; a table's physical id lacks its database, which is the stack's, too."""
    found = {(kind, name) for kind, name in resources if kind in _LOOKUPS and name}
    databases = [name for kind, name in found if kind == "AWS::Glue::Database"]
    return {
        Item(kind, name, database)
        for kind, name in found
        for database in (databases if kind == "AWS::Glue::Table" else [""])
    }


def _look_up(account: Account, items: Iterable[Item]) -> tuple[set[Item], set[str]]:
    """Which of the items are there; and which could not be looked up, with the reason."""
    present, unchecked = set[Item](), set[str]()
    for item in items:
        try:
            if _is_there(account, item):
                present.add(item)
        except ClientError as error:
            code, message = causes.code_and_message(error)
            cause = causes.of(error)
            if cause and cause is not causes.DENIED:
                raise
            # Athena has no code of its own for a workgroup that is not there.
            if code not in _GONE and "not found" not in message:
                unchecked.add(f"{item}: {code} {message}".strip())
    return present, unchecked


def _is_there(account: Account, item: Item) -> bool:
    """Look one thing up.

    Raises:
        ClientError: it is not there, or may not be looked up.
    """
    _, service, operation, argument = _LOOKUPS[item.kind]
    client: Any = account.session.client(service)
    arguments: dict[str, Any] = {argument: item.name}
    if item.database:
        arguments |= {"DatabaseName": item.database}
    answer = getattr(client, operation)(**arguments)
    if item.kind == _STACK:
        return bool(answer["Stacks"][0]["StackStatus"] != "DELETE_COMPLETE")
    if item.kind == "AWS::Logs::LogGroup":
        return item.name in (group["logGroupName"] for group in answer["logGroups"])
    if item.kind == "AWS::S3::Bucket":  # its name is free again, for other regions as well
        return bool(answer.get("BucketRegion", account.region) == account.region)
    return True


def _of_other_stacks(account: Account, ids: set[str]) -> set[Item]:
    """What belongs to the stacks that are there now, without those of these ids."""
    cloudformation = account.session.client("cloudformation")
    stacks = cloudformation.get_paginator("describe_stacks").paginate()
    resources = cloudformation.get_paginator("list_stack_resources")
    return {
        item
        for page in stacks
        for stack in page["Stacks"]
        if stack["StackId"] not in ids
        for item in _items(
            (one["ResourceType"], one.get("PhysicalResourceId", ""))
            for listed in resources.paginate(StackName=stack["StackId"])
            for one in listed["StackResourceSummaries"]
        )
    }


def _made_by_lesson(account: Account, buckets: set[str]) -> dict[str, str]:
    """What the lesson's statements made upon one of these buckets, and how to remove it."""
    glue = account.session.client("glue")
    try:
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=_LESSON_DATABASE)
        tables = [table for page in pages for table in page["TableList"]]
    except ClientError:  # it is nobody's business here what else may be wrong with that database
        return {}
    places = tuple(f"s3://{bucket}/" for bucket in buckets)
    names = [
        f"{_LESSON_DATABASE}.{table['Name']}"
        for table in tables
        if table.get("StorageDescriptor", {}).get("Location", "").startswith(places)
    ]
    made = {f"Glue table {name}": f"DROP TABLE {name}" for name in names}
    if made and len(made) == len(tables):  # it may have been there before; then others use it
        made[f"Glue database {_LESSON_DATABASE}"] = f"DROP DATABASE {_LESSON_DATABASE}"
    return made


def _listed(things: Sequence[object]) -> str:
    return "".join(f"\n  {thing}" for thing in things[:_SHOWN])
