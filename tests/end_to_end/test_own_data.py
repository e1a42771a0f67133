"""The page "Your own data": its commands, on a bucket to which Segment writes already."""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stacks.bucket_contents.simulated_shop import SOURCES, log_files
from tests.support import PROJECT, ran
from tests.support.checkout import Checkout, owner_of
from tests.support.policies import policy
from tests.support.stack import create, event_body
from workshop import deletion
from workshop.account import Account
from workshop.environment import DEFAULT_STACK

pytestmark = pytest.mark.slow

COMPANY, PREFIX = "company-logs", "deep/er/segment-logs"
LOGS = f"s3://{COMPANY}/{PREFIX}"
DEPLOY = "Deploy, and run the job on everything"
SECONDS = 300
# The installed command is the project's; this one is the checkout's.
WORKSHOP = 'workshop() { python -m workshop "$@"; }'
PAGE = (PROJECT / "docs" / "own-data.md").read_text(encoding="utf-8")


def commands(section: str) -> list[str]:
    """The commands of a section of the page, with what is between angle brackets filled in."""
    (text,) = re.findall(rf"^## {section}\n(.+?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    found = "".join(re.findall(r"```bash\n(.+?)```", text, re.DOTALL))
    return found.replace("<bucket>/<prefix>", f"{COMPANY}/{PREFIX}").splitlines()


@pytest.fixture(scope="module")
def session(checkout: Checkout) -> Iterator[boto3.Session]:
    """The owner of the account of the checkout's own embedded AWS."""
    with owner_of(checkout.server) as session:
        yield session


@pytest.fixture(scope="module")
def s3(session: boto3.Session) -> Any:
    return session.client("s3")


@pytest.fixture(scope="module")
def company(s3: Any) -> dict[tuple[str, str], datetime]:
    """A company's logs, in a bucket of its own; what is there before anything is done."""
    s3.create_bucket(Bucket=COMPANY)
    s3.put_bucket_versioning(Bucket=COMPANY, VersioningConfiguration={"Status": "Enabled"})
    for log in log_files(datetime.now(UTC).date(), 3, 8_000):
        s3.put_object(Bucket=COMPANY, Key=f"{PREFIX}/{log.key}", Body=log.body)
    s3.put_object(Bucket=COMPANY, Key=f"{PREFIX}-of-others/1.gz", Body=b"theirs")
    return versions(s3)


def versions(s3: Any) -> dict[tuple[str, str], datetime]:
    """When each version of each object was written; something overwritten would have two."""
    found = s3.list_object_versions(Bucket=COMPANY)
    assert not found["IsTruncated"]
    assert not found.get("DeleteMarkers")
    return {(one["Key"], one["VersionId"]): one["LastModified"] for one in found["Versions"]}


def shell(checkout: Checkout, command: str, code: int = 0) -> str:
    """Run a command as the page has it, in a shell with the embedded AWS's variables."""
    programs = [checkout.path / ".venv" / "bin", checkout.path / "node_modules" / ".bin"]
    done = ran(
        *("bash", "-c", f'{WORKSHOP}; eval "$(workshop env)" && {command}'),
        code=code,
        cwd=checkout.path,
        env=checkout.environment(
            AWS_ENDPOINT_URL=None,
            PATH=os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
            CDK_DISABLE_CLI_TELEMETRY="true",
            CDK_HOME=str(checkout.path / "build" / "cdk"),
        ),
        seconds=SECONDS,
    )
    return done.stdout + done.stderr


def test_one_day_is_tried_on_this_machine(
    checkout: Checkout, s3: Any, company: dict[tuple[str, str], datetime]
) -> None:
    """Who has no environment yet would deploy one to find out what the job makes of the events."""
    sync, transform, verify = commands("Try one day on this machine")
    # The AWS CLI is not part of the project: this is what it would do.
    day = min(key.split("/")[4] for key, _ in company if "/website-prod/" in key)
    sync = sync.replace("<source id>", "website-prod").replace("<day>", day)
    source, target = sync.removeprefix("aws s3 sync ").split()
    for key, _ in company:
        if key.startswith(source.removeprefix(f"s3://{COMPANY}/")):
            file = checkout.path / target / key.rpartition("/")[2]
            file.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(COMPANY, key, str(file))
    assert verify in shell(checkout, transform), "what comes next is offered"
    found = shell(checkout, verify, code=1)
    assert "\nno " in found, "a day of one source is too little"
    assert "Header" in found


@pytest.fixture(scope="module")
def deployed(
    checkout: Checkout, session: boto3.Session, s3: Any, company: dict[tuple[str, str], datetime]
) -> Iterator[dict[str, str]]:
    """The outputs of an environment that reads the company's logs; they outlive it."""
    for command in commands(DEPLOY)[:2]:
        shell(checkout, command)
    yield json.loads(checkout.run("status", "--json").stdout)["outputs"]
    account = Account(session, checkout.endpoint)
    deletion.delete(account, DEFAULT_STACK, print).require_nothing(account)
    assert versions(s3) == company, "not the company's only copy any more"


def test_the_logs_are_read_where_they_are(
    checkout: Checkout, s3: Any, deployed: dict[str, str]
) -> None:
    """Table, job, queries and checks would be about simulated events, or about none."""
    status, query, run_job, verify, import_ = commands(DEPLOY)[2:]
    assert f"present in {LOGS}/" in shell(checkout, status)
    assert "Product Clicked" in shell(checkout, query)
    shell(checkout, run_job)
    shell(checkout, verify)
    own = s3.list_objects_v2(Bucket=deployed["BucketName"], Prefix="segment-logs/")
    assert own["KeyCount"] == 0
    (by_source,) = json.loads(checkout.run("query", "06", "--json").stdout)
    assert {row["source"] for row in by_source["rows"]} == {*SOURCES}
    checkout.run("verify", f"s3://{deployed['BucketName']}/transformed")
    assert "ACTIVE" in shell(checkout, import_)
    (teardown, _) = commands("Clean up")
    shell(checkout, f"{teardown} --yes")  # no terminal to ask on


@pytest.mark.usefixtures("deployed")
def test_nothing_writes_there(checkout: Checkout) -> None:
    """A mistake in one command would cost a company its events."""
    assert LOGS in checkout.run("seed", "--replace", "--yes", code=1).stderr
    denied = checkout.run("run-job", "--output", f"{LOGS}-of-others/csv", code=1).stderr
    assert "Forbidden" in denied


def test_every_day_has_a_run_a_folder_and_an_alarm(
    checkout: Checkout, session: boto3.Session, s3: Any, deployed: dict[str, str]
) -> None:
    """A schedule that was never run would be found wrong on the first night, by nobody."""
    (command,) = (line for line in commands("Every day") if "npx" in line)
    shell(checkout, command.replace("<address>", "somebody@example.com"))
    glue = session.client("glue")
    sns, sqs = session.client("sns"), session.client("sqs")
    (trigger,) = glue.get_triggers(DependentJobName=deployed["JobName"])["Triggers"]
    assert trigger["State"] == "ACTIVATED"
    assert trigger["Schedule"] == "cron(15 1 * * ? *)"
    # The embedded Glue has no clock for triggers: this is what the trigger would start.
    (action,) = trigger["Actions"]
    words = [word for pair in action["Arguments"].items() for word in pair]
    before = s3.list_objects_v2(Bucket=deployed["BucketName"], Prefix="transformed/")["Contents"]
    checkout.run("run-job", *words)
    day = f"{datetime.now(UTC) - timedelta(1):%Y-%m-%d}"
    found = s3.list_objects_v2(Bucket=deployed["BucketName"], Prefix="transformed/")["Contents"]
    (new,) = {one["Key"] for one in found} - {one["Key"] for one in before}
    assert re.fullmatch(rf"transformed/{day}/run-\d+-part-r-00000\.csv", new)
    rows = s3.get_object(Bucket=deployed["BucketName"], Key=new)["Body"].read().splitlines()[1:]
    assert rows
    checkout.run("verify")  # the folder of a day is not a stray file

    (topic,) = (t["TopicArn"] for t in sns.list_topics()["Topics"] if "Failures" in t["TopicArn"])
    (mail,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "somebody@example.com")
    queue = sqs.create_queue(QueueName="failures")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    may_send = policy(
        Principal={"Service": "sns.amazonaws.com"}, Action="sqs:SendMessage", Resource=arn
    )
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": may_send})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    checkout.run("run-job", "--START_DATE", "soon", code=1)
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    text = json.loads(message["Body"])["Message"].strip('"')
    assert text.startswith(f"The Glue job {deployed['JobName']} is FAILED: ")
    assert "START_DATE" in text


@pytest.mark.parametrize("other", ["SampleData=yes", "SegmentWorkspaceId=workspace1"])
def test_logs_that_nobody_would_read_are_refused(session: boto3.Session, other: str) -> None:
    """Simulated events, or a day of Segment's, would lie where no table and no job looks."""
    name, value = other.split("=")
    with pytest.raises(ClientError, match=name):
        create(session, event_body(), "Refused", ExistingLogs=LOGS, **{name: value})
