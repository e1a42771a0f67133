"""Many accounts at once on the embedded AWS: deployed, checked and destroyed, also where it fails.

AWS Organizations makes the accounts, and with each the role that the organizer assumes.
"""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from release.event_template import body
from tests.support import PROJECT
from tests.support.checkout import free_port, owner_of, session_of
from tests.support.everything import everything
from tests.support.failing_aws import Failing
from tests.support.templates import event_template
from workshop.account import EMBEDDED_ACCOUNT
from workshop.accounts_file import ORGANIZATION_ROLE
from workshop.environment import DEFAULT_STACK

OF_STACK_SET = f"StackSet-{DEFAULT_STACK}-96d7d2a0-4c0b-9c72-8f67-1f3a4b5c6d7e"
Outcomes = dict[str, dict[str, Any]]


@dataclass
class Organization:
    """The organizer's machine, and the accounts of an organization.

    Attributes:
        server: the embedded AWS.
        management: the organizer's session.
        folder: the organizer's files.
        said: what the last command wrote to standard error.
    """

    server: Failing
    management: boto3.Session
    folder: Path
    said: str = ""

    @property
    def file(self) -> Path:
        return self.folder / "accounts.csv"

    def make_accounts(self, count: int) -> list[str]:
        """Make accounts, and name them in the file."""
        organizations = self.management.client("organizations")
        ids = [
            organizations.create_account(AccountName=f"team-{n}", Email=f"{n}@example.com")[
                "CreateAccountStatus"
            ]["AccountId"]
            for n in range(1, count + 1)
        ]
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
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{principal}:root"},
            "Action": "sts:AssumeRole",
        }
        self.session(account).client("iam").update_assume_role_policy(
            RoleName=ORGANIZATION_ROLE,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )

    def left(self, account: str) -> list[str]:
        """Everything in an account but the organizer's role."""
        return everything(self.session(account))

    def start(self, command: str, *options: str) -> subprocess.Popen[str]:
        """Start `python -m workshop fleet`, as CI does, in a process group of its own."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "workshop", "fleet", command, "--json"),
                *("--accounts", str(self.file), *options),
                *(
                    ("--template", str(self.folder / "template.json"))
                    if command == "deploy"
                    else ()
                ),
            ],
            cwd=PROJECT,
            env=environment | self.server.client_environment(),
            stdout=(self.folder / "out").open("w"),
            stderr=(self.folder / "err").open("w"),
            text=True,
            start_new_session=True,
        )

    def ended(self, process: subprocess.Popen[str], command: str, code: int) -> Outcomes:
        """Wait for the end, and return what the command answered, by account."""
        peaks = [0, 0, 0]
        while process.poll() is None:
            peaks = [max(pair) for pair in zip(peaks, self._memory(process), strict=True)]
            time.sleep(0.2)
        self.said = (self.folder / "err").read_text()
        assert process.returncode == code, self.said
        assert "Traceback" not in self.said
        answer = json.loads((self.folder / "out").read_text())
        rate = len(answer["accounts"]) * 60 / answer["seconds"]
        memory = ", ".join(f"{peak / 2**20:.0f}" for peak in peaks)
        print(  # noqa: T201 - the figures, with pytest -s
            f"{command}: {answer['states']}, {answer['seconds']} s, {rate:.0f} accounts a minute, "
            f"{answer['requests']} requests; at most {memory} MiB (client, server, its functions)"
        )
        return {one["account"]: one for one in answer["accounts"]}

    def fleet(self, command: str, *options: str, code: int = 0) -> Outcomes:
        return self.ended(self.start(command, *options), command, code)

    def _memory(self, client: subprocess.Popen[str]) -> tuple[int, int, int]:
        running = self.server.running()
        server = running.process() if running else None
        try:
            assert server
            functions = [child.memory_info().rss for child in server.children()]
            ours = psutil.Process(client.pid).memory_info().rss
            return ours, server.memory_info().rss, sum(functions)
        except psutil.NoSuchProcess:
            return 0, 0, 0


def states(outcomes: Outcomes) -> dict[str, str]:
    return {account: one["state"] for account, one in outcomes.items()}


def organization_in(folder: Path, volume: str = "") -> Iterator[Organization]:
    """Run the embedded AWS with an organization; `volume` is that of the sample logs."""
    server = Failing(folder / "aws", free_port())
    today = "log_files(datetime.now(UTC).date()"
    text = body(event_template()).decode()
    assert f"{today})" in text
    (folder / "template.json").write_text(text.replace(f"{today})", f"{today}{volume})"))
    with owner_of(server) as management:
        yield Organization(server, management, folder)


@dataclass
class Few:
    """Five accounts, each named by what becomes of it."""

    busy: str
    broken: str
    closed: str
    distrusted: str
    throttled: str


@pytest.fixture(scope="module")
def organization(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organization]:
    yield from organization_in(tmp_path_factory.mktemp("few"), ", 3, 2000")


@pytest.fixture(scope="module")
def few(organization: Organization) -> Few:
    """Accounts on which the tests work in their order."""
    return Few(*organization.make_accounts(5))


def test_interrupted_it_says_how_far_it_came(organization: Organization, few: Few) -> None:
    """An organizer who presses Ctrl-C would know less than before."""
    process = organization.start("deploy", "--concurrency", "1")
    cloudformation = organization.session(few.busy).client("cloudformation")
    while not cloudformation.list_stacks()["StackSummaries"]:
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    outcomes = organization.ended(process, "deploy", 130)
    assert set(states(outcomes).values()) == {"interrupted"}
    assert outcomes.pop(few.busy)["found"].startswith("Stopped while it deploys")
    assert {one["found"] for one in outcomes.values()} == {"Not begun"}
    assert "Interrupted" in organization.said


def test_what_goes_wrong_in_one_account_holds_up_no_other(
    organization: Organization, few: Few
) -> None:
    """An organizer would learn from the participants which accounts are not ready, and why."""
    organization.server.fail_at("CatalogDatabase", few.broken)
    organization.server.throttle({few.busy: 2, few.throttled: 1})
    iam = organization.session(few.closed).client("iam")
    iam.detach_role_policy(
        RoleName=ORGANIZATION_ROLE, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    iam.delete_role(RoleName=ORGANIZATION_ROLE)
    organization.trust(few.distrusted, few.closed)

    outcomes = organization.fleet("deploy", code=1)

    assert states(outcomes) == {
        few.busy: "ready",
        few.broken: "broken",
        few.closed: "no access",
        few.distrusted: "no access",
        few.throttled: "throttled",
    }
    assert outcomes[few.busy]["found"].startswith("was complete")  # CloudFormation had gone on
    assert outcomes[few.busy]["throttled"] > 0
    assert outcomes[few.broken]["found"].endswith("CatalogDatabase: injected at CatalogDatabase")
    for account in (few.closed, few.distrusted):
        assert f"{account}:role/{ORGANIZATION_ROLE} cannot be assumed" in outcomes[account]["found"]
    assert "Rate exceeded" in outcomes[few.throttled]["found"]
    assert outcomes[few.throttled]["throttled"] == 6
    for account in (few.broken, few.closed, few.distrusted, few.throttled):
        assert outcomes[account]["next_step"]
        assert f"{account} is {outcomes[account]['state']}" in organization.said


def test_a_check_names_what_is_missing_and_where(organization: Organization, few: Few) -> None:
    """The first query of the lesson would fail in front of everybody."""
    organization.server.throttle({})
    organization.name([few.busy, few.broken, few.throttled])
    session = organization.session(few.busy)
    session.client("glue").delete_table(DatabaseName="segment_personalize", Name="segment_logs")
    athena = session.client("athena")
    query, *_ = athena.list_named_queries(WorkGroup="segment-personalize")["NamedQueryIds"]
    athena.delete_named_query(NamedQueryId=query)
    s3 = session.resource("s3").Bucket(f"personalize-data-{few.busy}")
    s3.objects.filter(Prefix="segment-logs/").delete()
    s3.objects.filter(Prefix="scripts/").delete()
    results = organization.folder / "results.csv"

    outcomes = organization.fleet("check", "--csv", str(results), code=1)

    assert states(outcomes) == {
        few.busy: "broken",
        few.broken: "broken",
        few.throttled: "missing",
    }
    found = outcomes[few.busy]["found"]
    assert "Sample logs (none in s3://" in found
    assert "Tables (no segment_logs)" in found
    assert re.search(r"Saved queries \(no Athena\d\d\)", found)
    assert "Job (HeadObject says Not Found)" in found
    assert "ROLLBACK_COMPLETE: CatalogDatabase: injected" in outcomes[few.broken]["found"]
    with results.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["account"], row["name"], row["state"]) for row in rows] == [
        (account, f"team-{n}", outcomes[account]["state"])
        for n, account in enumerate(outcomes, start=1)
    ]


def test_run_again_it_goes_on_where_it_stopped(organization: Organization, few: Few) -> None:
    """One bad account out of a hundred would cost another half an hour."""
    organization.name([few.broken])
    (created,) = organization.fleet("deploy", "--parameter", "BucketSuffix=b").values()
    assert created["found"].startswith("created")
    s3 = organization.session(few.broken).client("s3")
    assert s3.head_bucket(Bucket=f"personalize-data-{few.broken}-b")
    (again,) = organization.fleet("deploy").values()
    assert again["found"].startswith("was complete")  # its parameter stays


def test_what_a_stack_set_has_made_is_checked_but_not_destroyed(
    organization: Organization, few: Few
) -> None:
    """An organizer with StackSets could not check, and deleted stacks would be made again."""
    organization.name([few.throttled])
    organization.fleet("deploy", "--stack", OF_STACK_SET)
    assert states(organization.fleet("check")) == {few.throttled: "ready"}
    (outcome,) = organization.fleet("destroy", code=1).values()
    assert outcome["state"] == "broken"
    assert f"CloudFormation stack {OF_STACK_SET}" in outcome["found"]


def test_an_account_that_does_not_answer_is_given_up_in_time(
    organization: Organization, few: Few
) -> None:
    """One account would keep the organizer waiting for all of them."""
    organization.name([few.throttled, few.broken])
    organization.server.silence(few.throttled)
    outcomes = organization.fleet("check", "--timeout", "10", "--concurrency", "1", code=1)
    organization.server.silence()
    assert states(outcomes) == {few.throttled: "slow", few.broken: "ready"}
    assert "looks at the stack" in outcomes[few.throttled]["found"]


def test_what_is_destroyed_leaves_nothing(organization: Organization, few: Few) -> None:
    """Accounts would cost money after the event, and refuse the next one."""
    organization.name([few.throttled])
    organization.fleet("destroy", "--stack", OF_STACK_SET)
    organization.name([few.busy, few.broken, few.throttled])
    assert set(states(organization.fleet("destroy")).values()) == {"gone"}
    for account in (few.busy, few.broken, few.throttled):
        assert organization.left(account) == []


@pytest.mark.slow
def test_a_hundred_accounts(tmp_path: Path) -> None:
    """An event of a hundred teams would be the first to try it."""
    for organization in organization_in(tmp_path):
        ids = organization.make_accounts(100)
        broken, closed, throttled, busy, *_ = ids
        organization.server.fail_at("CatalogDatabase", broken)
        organization.server.throttle({throttled: 1, busy: 2})
        organization.trust(closed, busy)
        expected = dict.fromkeys(ids, "ready") | {
            broken: "broken",
            closed: "no access",
            throttled: "throttled",
        }

        # Few at a time: what takes long are the Lambda functions, on this machine's processors.
        assert states(organization.fleet("deploy", "--concurrency", "8", code=1)) == expected
        assert states(organization.fleet("check", code=1)) == expected

        organization.server.throttle({})
        organization.trust(closed, EMBEDDED_ACCOUNT)
        deployed = organization.fleet("deploy")
        assert set(states(deployed).values()) == {"ready"}
        created = [one for one, it in deployed.items() if it["found"].startswith("created")]
        assert created == [broken, closed, throttled]
        assert set(states(organization.fleet("check")).values()) == {"ready"}
        organization.name([broken, closed])
        assert set(states(organization.fleet("check", "--run-job")).values()) == {"ready"}
        organization.name(ids)
        assert set(states(organization.fleet("destroy")).values()) == {"gone"}
        assert [item for account in ids for item in organization.left(account)] == []
        running = organization.server.running()
        process = running.process() if running else None
        assert process
        assert process.children() == []
