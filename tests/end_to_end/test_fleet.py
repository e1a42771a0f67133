"""Many accounts at once on the embedded AWS: deployed, checked and destroyed, also where it fails.

AWS Organizations makes the accounts, and with each the role that the organizer assumes.
"""

import csv
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, free_port, owner_of, signed_in
from tests.support.failing_aws import Failing
from tests.support.organization import ADMINISTRATOR, Organization, answered, states
from tests.support.stack import LITTLE, event_body
from workshop.account import EMBEDDED_ACCOUNT
from workshop.accounts_file import ORGANIZATION_ROLE
from workshop.environment import DEFAULT_STACK

pytestmark = pytest.mark.slow

OF_STACK_SET = f"StackSet-{DEFAULT_STACK}-96d7d2a0-4c0b-9c72-8f67-1f3a4b5c6d7e"


@pytest.fixture(scope="module")
def organizer(
    server: Failing, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Organization]:
    """The organizer, with a template that brings few sample logs."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "template.json").write_text(event_body(LITTLE))
    checkout.enter(server)
    with signed_in(server) as management:
        yield Organization(server, management, checkout, folder)


@pytest.fixture
def organization(organizer: Organization) -> Iterator[Organization]:
    """Nobody is throttled or silent any more when a test has ended."""
    yield organizer
    organizer.server.throttle({})
    organizer.server.silence()


@pytest.fixture(scope="module")
def ready(organizer: Organization) -> str:
    """An account that is deployed, for tests that leave it as it is."""
    (account,) = organizer.make_accounts(1)
    (created,) = organizer.fleet("deploy").values()
    assert created["found"].startswith("created")
    return account


def test_interrupted_it_says_how_far_it_came_and_goes_on_from_there(
    organization: Organization,
) -> None:
    """An organizer who presses Ctrl-C would know less than before."""
    busy, waiting = organization.make_accounts(2)
    process = organization.checkout.start(*organization.words("deploy", "--concurrency", "1"))
    cloudformation = organization.session(busy).client("cloudformation")
    while not cloudformation.list_stacks()["StackSummaries"]:
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in err
    outcomes = answered(out)
    assert set(states(outcomes).values()) == {"interrupted"}
    assert outcomes[busy]["found"].startswith("Stopped while it deploys")
    assert outcomes[waiting]["found"] == "Not begun"

    again = organization.fleet("deploy")
    assert again[busy]["found"].startswith("was complete")  # CloudFormation had gone on
    assert again[waiting]["found"].startswith("created")


def test_what_goes_wrong_in_one_account_holds_up_no_other(organization: Organization) -> None:
    """An organizer would learn from the participants which accounts are not ready, and why."""
    busy, broken, closed, distrusted, throttled = organization.make_accounts(5)
    organization.server.fail_at("CatalogDatabase", broken)
    organization.server.throttle({busy: 2, throttled: 1})
    iam = organization.session(closed).client("iam")
    iam.detach_role_policy(RoleName=ORGANIZATION_ROLE, PolicyArn=ADMINISTRATOR)
    iam.delete_role(RoleName=ORGANIZATION_ROLE)
    organization.trust(distrusted, closed)

    outcomes = organization.fleet("deploy", code=1)

    assert states(outcomes) == {
        busy: "ready",
        broken: "broken",
        closed: "no access",
        distrusted: "no access",
        throttled: "throttled",
    }
    assert outcomes[busy]["throttled"] > 0
    assert outcomes[broken]["found"].endswith("CatalogDatabase: injected at CatalogDatabase")
    for account in (closed, distrusted):
        assert f"{account}:role/{ORGANIZATION_ROLE} cannot be assumed" in outcomes[account]["found"]
    assert "Rate exceeded" in outcomes[throttled]["found"]
    assert outcomes[throttled]["throttled"] == 6
    for account in (broken, closed, distrusted, throttled):
        assert outcomes[account]["next_step"]
        assert f"{account} is {outcomes[account]['state']}" in organization.said


def test_a_check_names_what_is_missing_and_where(organization: Organization) -> None:
    """The first query of the lesson would fail in front of everybody."""
    plundered, broken, missing = organization.make_accounts(3)
    organization.server.fail_at("CatalogDatabase", broken)
    organization.name([plundered, broken])
    organization.fleet("deploy", code=1)
    organization.name([plundered, broken, missing])
    session = organization.session(plundered)
    session.client("glue").delete_table(DatabaseName="segment_personalize", Name="segment_logs")
    athena = session.client("athena")
    query, *_ = athena.list_named_queries(WorkGroup="segment-personalize")["NamedQueryIds"]
    athena.delete_named_query(NamedQueryId=query)
    s3 = session.resource("s3").Bucket(f"personalize-data-{plundered}")
    s3.objects.filter(Prefix="segment-logs/").delete()
    s3.objects.filter(Prefix="scripts/").delete()
    results = organization.folder / "results.csv"

    outcomes = organization.fleet("check", "--csv", str(results), code=1)

    assert states(outcomes) == {plundered: "broken", broken: "broken", missing: "missing"}
    found = outcomes[plundered]["found"]
    assert "Logs (none in s3://" in found
    assert "Tables (no segment_logs)" in found
    assert re.search(r"Saved queries \(no Athena\d\d\)", found)
    assert "Job (HeadObject says Not Found)" in found
    assert "ROLLBACK_COMPLETE: CatalogDatabase: injected" in outcomes[broken]["found"]
    with results.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["account"], row["name"], row["state"]) for row in rows] == [
        (account, f"team-{n}", outcomes[account]["state"])
        for n, account in enumerate(outcomes, start=1)
    ]


def test_run_again_it_goes_on_where_it_stopped(organization: Organization) -> None:
    """One bad account out of a hundred would cost another half an hour."""
    (broken,) = organization.make_accounts(1)
    organization.server.fail_at("CatalogDatabase", broken)
    organization.fleet("deploy", code=1)
    (created,) = organization.fleet("deploy", "--parameter", "BucketSuffix=b").values()
    assert created["found"].startswith("created")
    s3 = organization.session(broken).client("s3")
    assert s3.head_bucket(Bucket=f"personalize-data-{broken}-b")
    (again,) = organization.fleet("deploy").values()
    assert again["found"].startswith("was complete")  # its parameter stays


def test_what_a_stack_set_has_made_is_checked_but_not_destroyed_until_it_is_named(
    organization: Organization,
) -> None:
    """An organizer with StackSets could not check, and deleted stacks would be made again."""
    (account,) = organization.make_accounts(1)
    organization.fleet("deploy", "--stack", OF_STACK_SET)
    assert states(organization.fleet("check")) == {account: "ready"}
    (outcome,) = organization.fleet("destroy", "--yes", code=1).values()
    assert outcome["state"] == "broken"
    assert f"CloudFormation stack {OF_STACK_SET}" in outcome["found"]
    assert states(organization.fleet("destroy", "--yes", "--stack", OF_STACK_SET)) == {
        account: "gone"
    }
    assert organization.left(account) == []


def test_an_account_that_does_not_answer_is_given_up_in_time(
    organization: Organization, ready: str
) -> None:
    """One account would keep the organizer waiting for all of them."""
    (silent,) = organization.make_accounts(1)
    organization.name([silent, ready])
    organization.server.silence(silent)
    outcomes = organization.fleet("check", "--timeout", "5", "--concurrency", "1", code=1)
    assert states(outcomes) == {silent: "slow", ready: "ready"}
    assert "looks at the stack" in outcomes[silent]["found"]


def test_what_is_destroyed_leaves_nothing(organization: Organization) -> None:
    """Accounts would cost money after the event, and refuse the next one."""
    complete, broken, empty = organization.make_accounts(3)
    organization.server.fail_at("CatalogDatabase", broken)
    organization.name([complete, broken])
    organization.fleet("deploy", code=1)
    organization.name([complete, broken, empty])
    assert set(states(organization.fleet("destroy", "--yes")).values()) == {"gone"}
    for account in (complete, broken, empty):
        assert organization.left(account) == []


def test_a_hundred_accounts(fresh: Checkout, tmp_path: Path) -> None:
    """An event of a hundred teams would be the first to try it."""
    server = Failing(tmp_path / "aws", free_port())
    (tmp_path / "template.json").write_text(event_body())
    with owner_of(server) as management:
        fresh.enter(server)
        organization = Organization(server, management, fresh, tmp_path)
        ids = organization.make_accounts(100)
        broken, closed, throttled, busy, *_ = ids
        server.fail_at("CatalogDatabase", broken)
        server.throttle({throttled: 1, busy: 2})
        organization.trust(closed, busy)
        expected = dict.fromkeys(ids, "ready") | {
            broken: "broken",
            closed: "no access",
            throttled: "throttled",
        }

        # Few at a time: what takes long are the Lambda functions, on this machine's processors.
        assert states(organization.fleet_of_all("deploy", "--concurrency", "8", code=1)) == expected
        assert states(organization.fleet_of_all("check", code=1)) == expected

        server.throttle({})
        organization.trust(closed, EMBEDDED_ACCOUNT)
        deployed = organization.fleet_of_all("deploy")
        assert set(states(deployed).values()) == {"ready"}
        created = [one for one, it in deployed.items() if it["found"].startswith("created")]
        assert created == [broken, closed, throttled]
        assert set(states(organization.fleet_of_all("check")).values()) == {"ready"}
        organization.name([broken, closed])
        assert set(states(organization.fleet_of_all("check", "--run-job")).values()) == {"ready"}
        organization.name(ids)
        assert set(states(organization.fleet_of_all("destroy", "--yes")).values()) == {"gone"}
        assert [item for account in ids for item in organization.left(account)] == []
        running = server.running()
        process = running.process() if running else None
        assert process
        assert process.children() == []
