"""Where the console works: the account and the stack, for any number of pages at once."""

import dataclasses
import functools
import threading
from collections.abc import Sequence
from typing import Any

import boto3

from workshop import athena, freshness, job, queries, verification
from workshop.account import Account
from workshop.commands.context import Context
from workshop.environment import Environment, describe, find
from workshop.local_console.guide import CSV, Step
from workshop.verification import Check


class Place:
    """The account and the stack that the command line names.

    Args:
        context: the command's context.
    """

    def __init__(self, context: Context) -> None:
        self.stack = context.stack
        self.hint = context.hint
        self._context = dataclasses.replace(context)  # whose account nobody has used yet
        self._lock = threading.Lock()
        self._checked: tuple[object, list[Check]] = (None, [])

    @property
    def account(self) -> Account:
        """The account, whose session any thread may use.

        Raises:
            WorkshopError: there are no credentials, or no region.
        """
        with self._lock:
            is_new = "account" not in vars(self._context)
            account = self._context.account
            if is_new:
                _share(account.session)
            return account

    def environment(self) -> Environment:
        """The deployed stack.

        Raises:
            WorkshopError: there is none, or nothing answers.
        """
        return find(self.account, self.stack)

    def look(self) -> None:
        """Find out whether the account answers; connect again where it does not.

        Raises:
            WorkshopError: it does not.
        """
        try:
            describe(self.account, self.stack)
        except Exception:
            # An embedded AWS that was started again has another key.
            self._context = dataclasses.replace(self._context)
            self.account.check_reachable()  # its error has the next step
            raise

    def checks(self, environment: Environment) -> tuple[list[Check], str]:
        """The checks of the CSV, and why it is not of what is there now, if it is not.

        The CSV is read again only when the bucket has another one.
        """
        account = self.account
        listed = account.session.client("s3").list_objects_v2(
            Bucket=environment.bucket, Prefix=verification.PREFIX
        )
        version = [(entry["Key"], entry["ETag"]) for entry in listed.get("Contents", [])]
        if self._checked[0] != version:
            self._checked = version, verification.verify(account, environment)[0]
        return self._checked[1], freshness.complaint(account, environment)

    def done(self, environment: Environment, steps: Sequence[Step]) -> set[str]:
        """The names of the steps that are done, by what is in the account.

        A step with saved queries is done when those that read have succeeded in the workgroup, and
        with the CSV when that is valid, too; the job, when a run of it has succeeded.
        """
        account = self.account
        ran = {one.sql for one in athena.history(account, environment) if one.state == "SUCCEEDED"}
        own = queries.own(account, environment)
        missing = {number_of(query.name) for query in own if query.reads and query.sql not in ran}
        checks, complaint = self.checks(environment)
        is_valid = not complaint and all(check.passed for check in checks)
        has_run = job.last_run(account, environment, "SUCCEEDED") is not None
        return {
            step.name
            for step in steps
            if (step.queries and not step.queries & missing and (is_valid or step.tool != CSV))
            or (has_run and "run" in step.name)
        }


def number_of(name: str) -> str:
    """The number with which a saved query's name begins."""
    return name.partition(" ")[0]


def _share(session: boto3.Session) -> None:
    """Let threads share a session: its clients are safe for that, making them is not."""
    make, lock = functools.cache(session.client), threading.Lock()

    def client(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - boto3's own
        with lock:
            return (make if not options else make.__wrapped__)(*arguments, **options)

    session.client = client  # type: ignore[method-assign]
