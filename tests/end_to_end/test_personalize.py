"""`workshop personalize`, by somebody who has the importer's policy and nothing else."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from tests.support import PROJECT
from tests.support.checkout import Checkout
from tests.support.failing_aws import Failing
from tests.support.personalize import HEADER, interactions, settled
from tests.support.policies import user
from tests.support.stack import LITTLE, create, delete, event_body
from workshop import deletion, fleet, inventory
from workshop.account import Account
from workshop.commands.context import Context
from workshop.commands.personalize import import_
from workshop.environment import DEFAULT_STACK, find
from workshop.errors import WorkshopError
from workshop.personalize import importing
from workshop.personalize.importing import Csv
from workshop.personalize.state import Personalize
from workshop.steps import Steps

pytestmark = pytest.mark.slow

POLICY = PROJECT / "docs" / "personalize" / "importer-policy.json"
NAME = "segment-personalize"
RECIPE = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
OLDER, NEWER = 1_795_743_000_000, 1_795_743_999_000
WriteCsv = Callable[..., None]
Boto3 = Any


@pytest.fixture(scope="module")
def importer(checkout: Checkout, server: Failing, owner: boto3.Session, account: str) -> Checkout:
    """A checkout whose commands have the importer's rights."""
    create(owner, event_body(LITTLE), DEFAULT_STACK)
    checkout.enter(server, account)
    key = user(owner, "importer", POLICY.read_text("utf-8")).get_credentials()
    assert key
    checkout.server.credentials.write_text(
        f"[default]\naws_access_key_id = {key.access_key}\n"
        f"aws_secret_access_key = {key.secret_key}\n",
        encoding="utf-8",
    )
    return checkout


@pytest.fixture
def personalize(owner: boto3.Session) -> Boto3:
    return owner.client("personalize")


@pytest.fixture
def write_csv(owner: boto3.Session, bucket: str) -> WriteCsv:
    """Put a CSV where a run of the job that began then would have."""
    s3 = owner.client("s3")

    def write(begun: int = OLDER, body: bytes | None = None) -> None:
        for old in s3.list_objects_v2(Bucket=bucket, Prefix="transformed/").get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=old["Key"])
        key = f"transformed/run-{begun}-part-r-00000.csv"
        s3.put_object(Bucket=bucket, Key=key, Body=body or interactions())

    return write


@pytest.fixture
def command(importer: Checkout, personalize: Boto3) -> Iterator[Checkout]:
    """Commands where nothing is imported."""
    yield importer
    if personalize.list_schemas()["schemas"]:
        importer.run("personalize", "teardown", "--yes")


def run(command: Checkout, *words: str) -> Any:
    """Run a command and return its JSON."""
    return json.loads(command.run("personalize", *words, "--json").stdout)


def state(command: Checkout) -> dict[str, Any]:
    (environment,) = run(command, "status")["environments"]
    return dict(environment)


@pytest.fixture
def there(importer: Checkout, owner: boto3.Session) -> Personalize:
    """What the commands find, without one."""
    return Personalize(Account(owner, importer.endpoint), NAME)


def arn(account: str, name: str) -> str:
    return f"arn:aws:personalize:us-east-1:{account}:{name}"


def test_a_csv_is_imported_once_and_the_next_one_after_it(
    command: Checkout,
    write_csv: WriteCsv,
    personalize: Boto3,
    account: str,
) -> None:
    """Each run would cost an import, or a newer CSV would never come in."""
    write_csv()
    assert state(command)["csv_waits"]
    error = command.run("personalize", "import", "--incremental", code=1).stderr
    assert "An incremental import" in error
    first = run(command, "import")
    assert (first["status"], first["mode"], first["csv"]) == ("ACTIVE", "FULL", OLDER)
    assert run(command, "import") == first
    assert f"with {first['name']} (FULL): ACTIVE" in command.run("personalize", "import").stdout
    found = state(command)
    assert [len(found["imports"]), found["csv_waits"]] == [1, False]
    assert {part["kind"]: part["status"] for part in found["parts"]} == {
        "dataset": "ACTIVE",
        "dataset group": "ACTIVE",
        "schema": "ACTIVE",
    }
    guide = (PROJECT / "docs/guide/80-on-to-personalize/index.en.md").read_text("utf-8")
    schema = personalize.describe_schema(schemaArn=arn(account, f"schema/{NAME}"))["schema"]
    assert json.loads(schema["schema"]) == json.loads(guide.split("```json\n")[1].split("```")[0])

    write_csv(NEWER)
    assert state(command)["csv_waits"]
    assert "is not imported" in command.run("personalize", "status").stdout
    second = run(command, "import", "--incremental")
    assert (second["mode"], second["csv"]) == ("INCREMENTAL", NEWER)
    key = f"transformed/2026-11-26/run-{NEWER + 1}-part-r-00000.csv"
    bucket = f"personalize-data-{account}"
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=interactions())
    third = run(command, "import", "--day", "2026-11-26")
    assert (third["mode"], third["csv"]) == ("INCREMENTAL", NEWER + 1)
    found = state(command)
    assert [job["csv"] for job in found["imports"]] == [NEWER + 1, NEWER, OLDER]
    assert not found["csv_waits"]


def test_a_csv_with_values_has_a_schema_of_its_own(
    command: Checkout, write_csv: WriteCsv, owner: boto3.Session, account: str, there: Personalize
) -> None:
    """Values would be dropped without a word, or the import would fail where one is missing."""
    environment = find(Account(owner, command.endpoint))
    columns = (*HEADER.split(","), "EVENT_VALUE")
    no_value = b"user1,item1,Product Clicked,1700000000,\n"
    write_csv(OLDER, interactions(header=",".join(columns), more=",9.5") + no_value)
    csv = Csv(OLDER, 1, columns, f"s3://{environment.bucket}/transformed/")
    assert importing.run(there, environment, csv, Steps()).status == "ACTIVE"
    named = arn(account, f"schema/{NAME}-event-value")
    schema = there.client.describe_schema(schemaArn=named)["schema"]["schema"]
    assert json.loads(schema)["fields"][-1] == {"name": "EVENT_VALUE", "type": ["float", "null"]}
    write_csv(NEWER)
    error = command.run("personalize", "import", code=1).stderr
    assert f"{NAME}-event-value" in error
    assert f"workshop --local {command.port} personalize teardown" in error
    command.run("personalize", "teardown", "--yes")
    assert run(command, "import")["status"] == "ACTIVE"


def test_an_interrupted_import_is_continued(
    command: Checkout, write_csv: WriteCsv, personalize: Boto3, account: str
) -> None:
    """Whoever closes the terminal would have to clean up by hand."""
    write_csv()
    process = command.start("personalize", "import")
    while not personalize.list_dataset_groups()["datasetGroups"]:
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"workshop --local {command.port} personalize import" in error
    assert run(command, "import")["status"] == "ACTIVE"
    assert len(personalize.list_dataset_groups()["datasetGroups"]) == 1
    # A job that somebody left is followed, not made a second time.
    request = {"datasetArn": arn(account, f"dataset/{NAME}/INTERACTIONS"), "roleArn": role(account)}
    write_csv(NEWER)
    personalize.create_dataset_import_job(
        jobName=f"{NAME}-run-{NEWER}-1",
        dataSource={"dataLocation": f"s3://personalize-data-{account}/transformed/"},
        **request,
    )
    assert run(command, "import")["name"] == f"{NAME}-run-{NEWER}-1"


def role(account: str) -> str:
    """The role that the stack has for Personalize."""
    roles = [role["RoleName"] for role in boto3.client("iam").list_roles()["Roles"]]
    (name,) = (role for role in roles if "-PersonalizeRole-" in role)
    return f"arn:aws:iam::{account}:role/{name}"


def test_a_failed_import_has_its_reason_and_what_to_do(
    command: Checkout, write_csv: WriteCsv, owner: boto3.Session, bucket: str, there: Personalize
) -> None:
    """CREATE FAILED alone would send people to a console."""
    write_csv(body=interactions(10))
    error = command.run("personalize", "import", code=1).stderr
    assert "1,000 needed" in error
    assert there.look().parts == []
    write_csv()
    s3 = owner.client("s3")
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    statements = [s for s in json.loads(policy)["Statement"] if s["Effect"] == "Deny"]
    closed = {"Version": "2012-10-17", "Statement": statements}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(closed))
    error = command.run("personalize", "import", code=1).stderr
    assert "Insufficient privileges for accessing data in Amazon S3" in error
    assert "deploy the stack again" in error
    assert "CREATE FAILED: Failed to create" in command.run("personalize", "status").stdout
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert run(command, "import")["status"] == "ACTIVE"
    assert [job.status for job in there.imports()] == ["ACTIVE", "CREATE FAILED"]


def test_what_others_trained_on_stays(
    command: Checkout, write_csv: WriteCsv, personalize: Boto3, account: str, there: Personalize
) -> None:
    """Somebody's solution would lose its data."""
    write_csv()
    run(command, "import")
    group = arn(account, f"dataset-group/{NAME}")
    personalize.create_solution(name="theirs", datasetGroupArn=group, recipeArn=RECIPE)
    solution = arn(account, "solution/theirs")
    settled(lambda: personalize.describe_solution(solutionArn=solution))
    version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    settled(lambda: personalize.describe_solution_version(solutionVersionArn=version))
    personalize.create_campaign(name="live", solutionVersionArn=version)
    personalize.create_filter(name="no-gifts", datasetGroupArn=group, filterExpression="INCLUDE")
    personalize.create_event_tracker(name="clicks", datasetGroupArn=group)
    uses = {"solution theirs", "campaign live", "filter no-gifts", "event tracker clicks"}
    error = command.run("personalize", "teardown", "--yes", code=1).stderr
    assert all(use in error for use in uses)
    found = state(command)
    assert set(found["others"]) == uses
    assert {part["status"] for part in found["parts"]} == {"ACTIVE"}
    made = {
        "campaign": {"campaignArn": arn(account, "campaign/live")},
        "solution": {"solutionArn": solution},
        "filter": {"filterArn": arn(account, "filter/no-gifts")},
        "event_tracker": {"eventTrackerArn": arn(account, "event-tracker/clicks")},
    }
    for kind, named in made.items():
        settled(lambda: getattr(personalize, f"describe_{kind}")(**named))  # noqa: B023
        getattr(personalize, f"delete_{kind}")(**named)
        while any(next(iter(named.values())).endswith(use.split()[-1]) for use in there.others()):
            time.sleep(0.1)


def test_nothing_is_made_or_removed_without_consent(
    command: Checkout,
    write_csv: WriteCsv,
    owner: boto3.Session,
    there: Personalize,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A script in the wrong terminal would cost money, or take an import away."""
    write_csv()
    context = Context()
    context.account = Account(owner, None)  # as if on AWS, where imports cost
    with pytest.raises(WorkshopError, match="consent: Import s3://"):
        import_(context)
    assert "less than $0.01" in " ".join(capsys.readouterr().err.split())
    assert there.look().parts == []
    run(command, "import")
    assert "--yes" in command.run("personalize", "teardown", code=1).stderr
    assert len(there.look().parts) == 3


def test_a_region_without_personalize_is_said() -> None:
    """The endpoint would not be found, which reads like a broken network."""
    context = Context()
    session = boto3.Session(region_name="eu-north-1")
    context.account = Account(session, None)
    with pytest.raises(WorkshopError, match="eu-north-1") as refused:
        import_(context)
    assert "eu-west-1" in refused.value.next_step


def test_a_stack_that_never_was_is_said(importer: Checkout) -> None:
    """A typing error in the name would read like success."""
    for command in ("status", "teardown"):
        error = importer.run("personalize", command, "--stack", "Nowhere", code=1).stderr
        assert "Nowhere" in error


@pytest.fixture
def deployed_again(importer: Checkout, owner: boto3.Session) -> Iterator[None]:
    """The stack is there again when a test has deleted it."""
    assert importer
    yield
    create(owner, event_body(LITTLE), DEFAULT_STACK)


@pytest.mark.usefixtures("deployed_again")
def test_what_was_imported_outlives_the_stack_and_is_known(
    command: Checkout, write_csv: WriteCsv, owner: boto3.Session, personalize: Boto3
) -> None:
    """After the workshop nobody would know of it, or how to remove it."""
    write_csv()
    run(command, "import")
    account = Account(owner, None)
    assert f"dataset group {NAME}" in deletion.question(account, DEFAULT_STACK)
    counted = fleet.count(account, lambda _: None, stack=DEFAULT_STACK)
    assert f"dataset group {NAME} stays" in counted
    assert delete(owner, DEFAULT_STACK) == "DELETE_COMPLETE"
    taken = inventory.take(account, DEFAULT_STACK)
    assert (taken.left, taken.unchecked) == ([], [])
    assert set(taken.imported) == {f"{k} {NAME}" for k in ("dataset group", "dataset", "schema")}
    assert f"dataset group {NAME}" in taken.summary(account, DEFAULT_STACK)
    (advice,) = set(taken.imported.values())
    assert state(command)["csv"] == 0
    removed = run(command, *advice.split()[2:], "--yes")["removed"]
    assert removed == [f"dataset {NAME}", f"dataset group {NAME}", f"schema {NAME}"]
    assert personalize.list_dataset_groups()["datasetGroups"] == []
    assert personalize.list_schemas()["schemas"] == []
    assert inventory.take(account, DEFAULT_STACK).imported == {}
