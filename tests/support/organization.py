"""An organizer with many accounts on the embedded AWS, and the commands of `workshop fleet`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.support.checkout import Checkout, session_of
from tests.support.everything import everything
from tests.support.failing_aws import Failing
from tests.support.policies import trust
from workshop.account import EMBEDDED_ACCOUNT
from workshop.accounts_file import ORGANIZATION_ROLE

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
Outcomes = dict[str, dict[str, Any]]


@dataclass
class Organization:
    """The organizer's machine, and the accounts of an organization.

    Attributes:
        server: the embedded AWS.
        management: the organizer's session.
        checkout: the organizer's.
        folder: the organizer's files.
        said: what the last command wrote to standard error.
    """

    server: Failing
    management: boto3.Session
    checkout: Checkout
    folder: Path
    said: str = ""

    @property
    def file(self) -> Path:
        return self.folder / "accounts.csv"

    def make_accounts(self, count: int) -> list[str]:
        """Make accounts, each with the role that AWS makes there, and name them in the file."""
        organizations = self.management.client("organizations")
        ids = [
            organizations.create_account(AccountName=f"team-{n}", Email=f"{n}@example.com")[
                "CreateAccountStatus"
            ]["AccountId"]
            for n in range(1, count + 1)
        ]
        for one in ids:
            iam = self.session(one).client("iam")
            ours = trust(AWS=EMBEDDED_ACCOUNT)
            iam.create_role(RoleName=ORGANIZATION_ROLE, AssumeRolePolicyDocument=ours)
            iam.attach_role_policy(RoleName=ORGANIZATION_ROLE, PolicyArn=ADMINISTRATOR)
        self.name(ids)
        return ids

    def name(self, ids: list[str]) -> None:
        lines = [f"team-{n},{one}" for n, one in enumerate(ids, start=1)]
        self.file.write_text("\n".join(["# the morning's accounts", "Name,Account ID", *lines]))

    def session(self, account: str) -> boto3.Session:
        """A session of an account's owner."""
        return session_of(self.server, account)

    def trust(self, account: str, principal: str) -> None:
        """Let nobody but this account assume the role."""
        self.session(account).client("iam").update_assume_role_policy(
            RoleName=ORGANIZATION_ROLE, PolicyDocument=trust(AWS=principal)
        )

    def left(self, account: str) -> list[str]:
        """Everything in an account but the organizer's role."""
        return everything(self.session(account))

    def words(self, command: str, *options: str) -> list[str]:
        """The words of `workshop fleet`."""
        template = ["--template", str(self.folder / "template.json")] if command == "deploy" else []
        return ["fleet", command, "--json", "--accounts", str(self.file), *template, *options]

    def fleet(self, command: str, *options: str, code: int = 0) -> Outcomes:
        """Run a command to its end; return its answer by account."""
        done = self.checkout.run(*self.words(command, *options), code=code)
        self.said = done.stderr
        return answered(done.stdout)

    def fleet_of_all(self, command: str, *options: str, code: int = 0) -> Outcomes:
        """The same, however long it takes."""
        process = self.checkout.start(*self.words(command, *options))
        out, err = process.communicate()
        assert process.returncode == code, err
        return answered(out)


def answered(text: str) -> Outcomes:
    return {one["account"]: one for one in json.loads(text)["accounts"]}


def states(outcomes: Outcomes) -> dict[str, str]:
    return {account: one["state"] for account, one in outcomes.items()}
