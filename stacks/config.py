"""What an organizer can decide before synthesis, read from the CDK context (`cdk.json`, `-c`)."""

import re
from dataclasses import dataclass
from typing import Any, Protocol

# Where an environment can be: the regions that have Amazon Personalize (all of them have Glue and
# Athena). Source: docs.aws.amazon.com/general/latest/gr/personalize.html, without China's.
REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
# `account`: the CDK deploys into a bootstrapped account. `event`: one template, nothing else.
TARGETS = ("account", "event")


class _Context(Protocol):
    def try_get_context(self, key: str) -> Any: ...  # noqa: ANN401 - CDK's own signature


@dataclass(frozen=True)
class WorkshopConfig:
    """The choices, validated.

    What an event platform or an organizer may still choose at deployment (`BucketSuffix`,
    `SegmentWorkspaceId`) is a parameter of the template instead: see `stacks.parameters`.

    Attributes:
        stack_name: the stack's name in CloudFormation; a second copy in one account needs another
            one (and a `BucketSuffix`: a bucket's name is the only one in all regions).
        retain_data: whether the bucket and everything in it stays when the stack is deleted.
        target: one of TARGETS; decides how the job's script gets into the account, and whether
            there is a dashboard.
    """

    stack_name: str = "SegmentPersonalizeWorkshop"
    retain_data: bool = False
    target: str = "account"

    def __post_init__(self) -> None:
        # Resource names that CloudFormation makes up begin with the stack's name; beyond 60
        # characters the part that tells them apart would be cut.
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,59}", self.stack_name):
            raise ValueError(
                f"context value stackName={self.stack_name!r}: use 1 to 60 letters, digits and "
                "hyphens, the first a letter"
            )
        if self.target not in TARGETS:
            raise ValueError(f"context value target={self.target!r}: use {' or '.join(TARGETS)}")

    @classmethod
    def from_context(cls, context: _Context) -> "WorkshopConfig":
        """Read the configuration from the context of a construct's node.

        Raises:
            ValueError: a value is not one of those allowed; the message names the key.
        """
        return cls(
            stack_name=str(context.try_get_context("stackName") or cls.stack_name),
            retain_data=_flag(context, "retainData", default=cls.retain_data),
            target=str(context.try_get_context("target") or cls.target),
        )


def _flag(context: _Context, key: str, *, default: bool) -> bool:
    """Read true or false; `-c key=value` on the command line always arrives as text."""
    value = context.try_get_context(key)
    if value is None:
        return default
    flags = {"true": True, "false": False}
    try:
        return flags[str(value).lower()]
    except KeyError:
        raise ValueError(f"context value {key}={value!r}: use true or false") from None
