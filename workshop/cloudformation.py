"""The one template, straight to CloudFormation: no CDK, no bootstrap. Each step can be repeated."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from workshop.account import Account
from workshop.environment import (
    COMPLETE,
    UNDER_REVIEW,
    describe,
    failure,
    require_same_suffix,
)
from workshop.errors import WorkshopError

Progress = Callable[[str], None]
# What CloudFormation takes as a text (`create-stack --template-body`); by URL it takes 1 MB.
# Source: the "template body size" of the AWS CloudFormation User Guide's quotas.
BODY_LIMIT_BYTES = 51_200
# A stack in such a state never held an environment, or was about to be deleted.
_WORTHLESS = (
    "CREATE_FAILED",
    "DELETE_FAILED",
    UNDER_REVIEW,
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 4.0  # seconds between two looks at a stack


@dataclass(frozen=True)
class Template:
    """A template's text, and the values of its parameters that are given."""

    text: str
    parameters: Mapping[str, str]
    names: frozenset[str]

    @classmethod
    def read(cls, path: Path, parameters: Mapping[str, str]) -> "Template":
        """Read what `make event-template` wrote.

        Raises:
            WorkshopError: it is not there, no template, or larger than CloudFormation takes as a
                text; or it has no parameter of a name that is given.
        """
        again = "Write it again: make event-template"
        try:
            text = path.read_text(encoding="utf-8")
            names = frozenset(json.loads(text).get("Parameters", {}))
        except FileNotFoundError as error:
            raise WorkshopError(f"There is no template {path}.", "make event-template") from error
        except (OSError, ValueError, AttributeError) as error:
            raise WorkshopError(f"{path} is not a JSON template: {error}", again) from error
        size = len(text.encode())
        if size > BODY_LIMIT_BYTES:
            raise WorkshopError(
                f"{path} has {size:,} bytes, and CloudFormation takes {BODY_LIMIT_BYTES:,}.", again
            )
        if unknown := parameters.keys() - names:
            raise WorkshopError(
                f"{path} has no parameter {', '.join(sorted(unknown))}.",
                f"Name one of: {', '.join(sorted(names))}",
            )
        return cls(text, parameters, names)


def deploy(account: Account, stack: str, template: Template, progress: Progress) -> str:
    """Bring the stack to this template, from whatever state it is in; return what was done.

    What is under way is waited for; what failed before it was ever complete is deleted and made
    again; an older stack is updated; and one that has the template stays as it is.

    Raises:
        WorkshopError: the stack failed; the message names the first resource that did and why.
    """
    found = _settled(account, stack, progress)
    if found and found["StackStatus"] in _WORTHLESS:
        destroy(account, stack, progress)
        found = None
    cloudformation = account.session.client("cloudformation")
    given: list[Any] = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in template.parameters.items()
    ]
    if not found:
        created = cloudformation.create_stack(
            StackName=stack,
            TemplateBody=template.text,
            Parameters=given,
            Capabilities=["CAPABILITY_IAM"],
        )
        _expect(account, created["StackId"], "CREATE_COMPLETE", progress)
        return "created"
    require_same_suffix(found, template.parameters)
    if found["StackStatus"] not in COMPLETE:  # it has an environment: nothing to delete unasked
        raise WorkshopError(
            f"The stack is {found['StackStatus']}: {failure(account, found)}",
            "Continue its rollback in CloudFormation's console, or destroy it first",
        )
    kept = {p["ParameterKey"] for p in found.get("Parameters", [])} & template.names
    given += [
        {"ParameterKey": key, "UsePreviousValue": True}
        for key in sorted(kept - template.parameters.keys())
    ]
    try:
        cloudformation.update_stack(
            StackName=found["StackId"],
            TemplateBody=template.text,
            Parameters=given,
            Capabilities=["CAPABILITY_IAM"],
        )
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
        return "was complete"
    _expect(account, found["StackId"], "UPDATE_COMPLETE", progress)
    return "updated"


def destroy(account: Account, stack: str, progress: Progress) -> None:
    """Delete the stack; it is not an error if there is none.

    Raises:
        WorkshopError: CloudFormation could not delete it; the message says what and why.
    """
    found = _settled(account, stack, progress)
    if found:
        account.session.client("cloudformation").delete_stack(StackName=found["StackId"])
        _expect(account, found["StackId"], "DELETE_COMPLETE", progress)


def _expect(account: Account, stack_id: str, status: str, progress: Progress) -> None:
    found = _settled(account, stack_id, progress)
    if found and found["StackStatus"] != status:
        raise WorkshopError(
            f"The stack is {found['StackStatus']}: {failure(account, found)}",
            "Fix the cause, then run this again",
        )


def _settled(account: Account, stack: str, progress: Progress) -> Mapping[str, Any] | None:
    """The stack, by its name or id, once nothing is under way in it; None where there is none."""
    pause = _FIRST_PAUSE
    while found := describe(account, stack):
        status = found["StackStatus"]
        if not status.endswith("_IN_PROGRESS") or status == UNDER_REVIEW:
            break
        progress(status)
        time.sleep(pause)
        pause = min(pause * 1.3, _LONGEST_PAUSE)
    return found
