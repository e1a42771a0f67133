"""The deployed exercise environment, as the stack's outputs describe it."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from stacks import outputs
from workshop.account import Account
from workshop.errors import WorkshopError

DEFAULT_STACK = "SegmentPersonalizeWorkshop"


@dataclass(frozen=True)
class Environment:
    """A deployed stack: its name, its id (an ARN), its state, and its outputs by their keys."""

    stack: str
    stack_id: str
    status: str
    outputs: dict[str, str]

    @property
    def bucket(self) -> str:
        """The data bucket's name."""
        return self.outputs[outputs.BUCKET]

    @property
    def database(self) -> str:
        """The Glue database's name."""
        return self.outputs[outputs.DATABASE]

    @property
    def job(self) -> str:
        """The Glue job's name."""
        return self.outputs[outputs.JOB]

    @property
    def workgroup(self) -> str:
        """The Athena workgroup's name."""
        return self.outputs[outputs.WORKGROUP]


def find(account: Account, stack: str = DEFAULT_STACK) -> Environment:
    """Find the deployed stack.

    Raises:
        WorkshopError: the stack is not there, or not in a state in which it can be used.
    """
    deploy = "make up" if account.embedded else "make deploy"
    _ = account.id  # says clearly when nothing answers
    try:
        described = account.session.client("cloudformation").describe_stacks(StackName=stack)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise WorkshopError(f"The stack {stack} is not deployed on {account}.", deploy) from error
    found = described["Stacks"][0]
    if found["StackStatus"] not in (
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
    ):
        raise WorkshopError(
            f"The stack {stack} on {account} is {found['StackStatus']}: "
            f"{found.get('StackStatusReason', 'no reason given')}",
            f"Wait if it is in progress; otherwise delete it and run again: {deploy}",
        )
    return Environment(
        stack=stack,
        stack_id=found["StackId"],
        status=found["StackStatus"],
        outputs={o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])},
    )
