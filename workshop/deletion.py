"""Deleting an environment: what goes with it, and the proof that it has gone."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from stacks.bucket_contents.handler import PREFIX, READY_MADE
from stacks.bucket_contents.simulated_shop import SOURCES
from workshop import cloudformation, inventory
from workshop.account import Account
from workshop.environment import describe
from workshop.inventory import Inventory
from workshop.personalize import state as personalize

# As the simulated shop names its files, and the CSV that is made of them.
_SAMPLE = re.compile(
    f"{PREFIX}({'|'.join(SOURCES)})/[0-9]+/[0-9]+[.][0-9a-f]{{8}}[.]gz|{re.escape(READY_MADE)}"
)


@dataclass(frozen=True)
class Contents:
    """What is in a bucket, or below a prefix of it.

    Attributes:
        place: the S3 URL.
        objects: how many objects there are.
        others: how many of them are not sample logs.
    """

    place: str
    objects: int
    others: int

    def __str__(self) -> str:
        return f"{self.place} ({self.objects:,} objects, {self.others:,} of them not sample logs)"


def contents(account: Account, bucket: str, prefix: str = "") -> Contents:
    """Count what is in a bucket."""
    pages = account.session.client("s3").get_paginator("list_objects_v2")
    objects = others = 0
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        keys = [entry["Key"] for entry in page.get("Contents", [])]
        objects += len(keys)
        others += sum(not _SAMPLE.fullmatch(key) for key in keys)
    return Contents(f"s3://{bucket}/{prefix}", objects, others)


def contents_of(account: Account, stack: str) -> list[Contents]:
    """Count what is in a stack's buckets; a stack that has failed may have none."""
    if not describe(account, stack):
        return []
    client = account.session.client("cloudformation")
    found = []
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for one in page["StackResourceSummaries"]:
            if one["ResourceType"] == "AWS::S3::Bucket" and one.get("PhysicalResourceId"):
                try:
                    found.append(contents(account, one["PhysicalResourceId"]))
                except ClientError as error:
                    if error.response["Error"]["Code"] != "NoSuchBucket":
                        raise
    return found


def imported(account: Account, stack: str) -> list[str]:
    """List what `personalize import` made, which stays; and what could not be looked up."""
    parts, unchecked = personalize.leftovers(account, inventory.workgroups(account, stack))
    return [*map(str, parts), *unchecked]


def question(account: Account, stack: str) -> str:
    """The question to ask before a stack is deleted."""
    places = [str(one) for one in contents_of(account, stack)]
    stays = imported(account, stack)
    return (
        f"Delete the stack {stack} on {account}"
        + "".join(f", with {place}" for place in places)
        + (f", but not what is in Personalize: {', '.join(stays)}" if stays else "")
    )


def delete(account: Account, stack: str, say: Callable[[str], None]) -> Inventory:
    """Delete the stack, then take the inventory; it is not an error if there is no stack.

    Raises:
        WorkshopError: CloudFormation could not delete it; the message says what and why.
    """
    say("looks at the stack")
    cloudformation.destroy(account, stack, lambda status: say(f"deletes: {status}"))
    say("takes the inventory")
    return inventory.take(account, stack)
