"""What an organizer can decide before synthesis, read from the CDK context (`cdk.json`, `-c`)."""

import re
from dataclasses import dataclass
from typing import Any, Protocol


class _Context(Protocol):
    def try_get_context(self, key: str) -> Any: ...  # noqa: ANN401 - CDK's own signature


@dataclass(frozen=True)
class WorkshopConfig:
    """The choices, validated.

    What an event platform or an organizer may still choose at deployment (`BucketSuffix`,
    `SegmentWorkspaceId`) is a parameter of the template instead: see `stacks.parameters`.

    Attributes:
        stack_name: the stack's name in CloudFormation; a second copy in one account and region
            needs another one (and a `BucketSuffix`).
        retain_data: whether the bucket and everything in it stays when the stack is deleted.
    """

    stack_name: str = "SegmentPersonalizeWorkshop"
    retain_data: bool = False

    def __post_init__(self) -> None:
        # Resource names that CloudFormation makes up begin with the stack's name; beyond 60
        # characters the part that tells them apart would be cut.
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,59}", self.stack_name):
            raise ValueError(
                f"context value stackName={self.stack_name!r}: use 1 to 60 letters, digits and "
                "hyphens, the first a letter"
            )

    @classmethod
    def from_context(cls, context: _Context) -> "WorkshopConfig":
        """Read the configuration from the context of a construct's node.

        Raises:
            ValueError: a value is not one of those allowed; the message names the key.
        """
        return cls(
            stack_name=str(context.try_get_context("stackName") or cls.stack_name),
            retain_data=_flag(context, "retainData", default=cls.retain_data),
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
