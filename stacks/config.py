"""What an organizer can decide before synthesis, read from the CDK context (`cdk.json`, `-c`)."""

import re
from dataclasses import dataclass
from typing import Any, Protocol

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
        schedule: when the job runs every day for the day before, as Glue writes it:
            `cron(15 1 * * ? *)` is 01:15 UTC; empty for not at all.
        alarm_email: who gets a mail when a run of the job has failed; empty for nobody.
    """

    stack_name: str = "SegmentPersonalizeWorkshop"
    retain_data: bool = False
    target: str = "account"
    schedule: str = ""
    alarm_email: str = ""

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
        # Source: AWS Glue Developer Guide, "Time-based schedules for jobs and crawlers".
        if self.schedule and not re.fullmatch(r"cron\(\S+( \S+){5}\)", self.schedule):
            raise ValueError(
                f"context value schedule={self.schedule!r}: use six fields, like "
                "cron(15 1 * * ? *) for 01:15 UTC every day"
            )
        if self.alarm_email and not re.fullmatch(r"[^@\s]+@[^@\s]+", self.alarm_email):
            raise ValueError(f"context value alarmEmail={self.alarm_email!r}: use one address")
        if self.alarm_email and not self.schedule:
            raise ValueError("context value alarmEmail: give a schedule, too")
        if self.schedule and self.target == "event":
            raise ValueError("context value schedule: only cdk deploy has it, not the event target")

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
            schedule=str(context.try_get_context("schedule") or ""),
            alarm_email=str(context.try_get_context("alarmEmail") or ""),
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
