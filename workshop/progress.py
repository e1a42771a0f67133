"""How far the exercise is done, by what is in the account."""

from dataclasses import dataclass

from workshop import athena, freshness, job, queries, verification
from workshop.account import Account
from workshop.checks import Check
from workshop.environment import Environment


@dataclass(frozen=True)
class Progress:
    """What is done.

    Attributes:
        unanswered: the numbers of the saved queries that read and have not succeeded yet.
        has_run: whether a run of the job has succeeded.
        is_valid: whether the CSV is of the newest logs and run, and Personalize would take it.
    """

    unanswered: frozenset[str]
    has_run: bool
    is_valid: bool


def look(account: Account, environment: Environment) -> Progress:
    """Look at Athena's history, the job's runs and the CSV."""
    ran = {one.sql for one in athena.history(account, environment) if one.state == "SUCCEEDED"}
    own = queries.own(account, environment)
    has_run = job.last_run(account, environment, "SUCCEEDED") is not None
    held, complaint = checks(account, environment) if has_run else ([], "")
    return Progress(
        frozenset(query.number for query in own if query.reads and query.sql not in ran),
        has_run,
        bool(held) and not complaint and all(check.passed for check in held),
    )


def checks(account: Account, environment: Environment) -> tuple[list[Check], str]:
    """The checks of the CSV, and why it is not of what is there now, if it is not."""
    held, _ = verification.verify(account, environment)
    return held, freshness.complaint(account, environment)
