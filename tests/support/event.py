"""An event's environment, with what a participant who means harm has saved in it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from embedded_aws.server import EmbeddedAws
from tests.support.checkout import Checkout, new_account, new_checkout, signed_in
from tests.support.participant import DATABASE, WORKGROUP, Client, participant
from tests.support.stack import LITTLE, STACK, create, event_body
from tests.support.terminal import run_on_a_terminal

# A title, a cursor position by a C1 control, and a mark that turns the text after it.
ESCAPES = "\x1b]0;OWNED\x07\x9b7;7H\u202e"
SHOWN = r"\u001b]0;OWNED\u0007\u009b7;7H\u202e"
OF_STACK = ("--stack", STACK)
PWN = "CREATE DATABASE pwned"
SAVED = {
    "02": PWN,
    "02a Totals": PWN,
    "06 Events a day by source": PWN,
    "00 Salaries": "SELECT 'salaries' AS secret",
    "-- nothing": "-- nothing",
    "Blank lines": "\n" * 262_100 + "SELECT 1",
    f"03x {ESCAPES}": "SELECT 1",
}


@dataclass
class Event:
    """An environment in an account of its own.

    Attributes:
        checkout: the organizer's.
        owner: the session of the account's owner.
        participant: the clients of a participant.
        account: the account's number.
    """

    checkout: Checkout
    owner: boto3.Session
    participant: Client
    account: str

    @property
    def bucket(self) -> str:
        return f"personalize-data-{self.account}"

    def save(self, name: str, sql: str) -> None:
        """Save a query as a participant does."""
        self.participant("athena").create_named_query(
            Name=name,
            Description=f"{ESCAPES} [red]not red[/]",
            WorkGroup=WORKGROUP,
            Database=DATABASE,
            QueryString=sql,
        )

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run one of the organizer's commands."""
        return self.checkout.run(*words, *OF_STACK, code=code)

    def on_a_terminal(self, *words: str, typed: str = "") -> tuple[int, str]:
        """Run a command where both its input and its output are a terminal."""
        command = [sys.executable, "-m", "workshop", *words, *OF_STACK]
        wide = self.checkout.environment(COLUMNS="300", LINES="50")
        return run_on_a_terminal(command, self.checkout.path, wide, typed)

    def databases(self) -> set[str]:
        found: Any = self.owner.client("glue").get_databases()["DatabaseList"]
        return {database["Name"] for database in found}

    def put(self, key: str, content: bytes) -> None:
        self.owner.client("s3").put_object(Bucket=self.bucket, Key=key, Body=content)


@contextmanager
def new_event(server: EmbeddedAws, folder: Path) -> Iterator[Event]:
    """Make an environment with little data, and a checkout whose commands work on it."""
    account = new_account()
    with signed_in(server, account) as owner, new_checkout(folder / "checkout") as checkout:
        create(owner, event_body(LITTLE))
        checkout.enter(server, account)
        event = Event(checkout, owner, participant(owner), account)
        for name, sql in SAVED.items():
            event.save(name, sql)
        yield event
