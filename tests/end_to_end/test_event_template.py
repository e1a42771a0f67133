"""The event template on the embedded AWS: created, changed, failed and deleted as at an event.

CloudFormation gets the file's own text, without the CDK and without a bootstrap. Most of these
tests are slow (`make test-slow`): they make a whole environment each.
"""

import copy
import json
import lzma
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from release.event_template import body
from stacks.etl import HELPER as HELPER_FILE
from stacks.etl import SCRIPT as SCRIPT_FILE
from tests.support.checkout import new_account, signed_in
from tests.support.everything import everything
from tests.support.failing_aws import Failing
from tests.support.stack import DEFAULT_VOLUME, LITTLE, ended
from tests.support.templates import event_template

Template = dict[str, Any]
SCRIPT, HELPER = f"scripts/{SCRIPT_FILE.name}", f"scripts/{HELPER_FILE.name}"
# The template as it was handed out before the job had a module of its own.
EARLIER: Template = json.loads(
    lzma.decompress(Path(__file__).with_name("earlier.template.json.xz").read_bytes())
)
DATABASE, WORKGROUP = "segment_personalize", "segment-personalize"
LONGEST_NAME = "Event" + "x" * 123


@dataclass(frozen=True)
class Cloud:
    """One account of the embedded AWS, and what an event platform does in it."""

    server: Failing
    session: boto3.Session
    account: str
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        return f"personalize-data-{self.account}"

    def client(self, service: Any) -> Any:  # noqa: ANN401 - boto3's own
        if service not in self.clients:
            self.clients[service] = self.session.client(service)
        return self.clients[service]

    def create(self, template: Template, stack: str = "Event", **parameters: str) -> str:
        """Create the stack and return the status that it ends in."""
        given = {"BucketSuffix": "", "SegmentWorkspaceId": "", **parameters}
        stack_id = self.client("cloudformation").create_stack(
            StackName=stack,
            TemplateBody=text_of(template),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
            Capabilities=["CAPABILITY_IAM"],
            RoleARN=f"arn:aws:iam::{self.account}:role/event-platform",
        )["StackId"]
        return ended(self.session, stack_id)

    def update(self, template: Template, stack: str = "Event", **parameters: str) -> str:
        """Update the stack and return the status that it ends in; parameters stay or are given."""
        stack_id = self.client("cloudformation").update_stack(
            StackName=stack,
            TemplateBody=text_of(template),
            Parameters=[
                {"ParameterKey": name, "UsePreviousValue": True}
                for name in template["Parameters"].keys() - parameters.keys()
            ]
            + [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )["StackId"]
        return ended(self.session, stack_id)

    def delete(self, stack: str = "Event") -> str:
        """Delete the stack and return the status that it ends in."""
        cloudformation = self.client("cloudformation")
        stack_id = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
        cloudformation.delete_stack(StackName=stack)
        return ended(self.session, stack_id)

    def failures(self, stack: str = "Event") -> dict[str, str]:
        """Which resource failed, and the reason that CloudFormation shows."""
        pages = self.client("cloudformation").get_paginator("describe_stack_events")
        return {
            event["LogicalResourceId"]: event.get("ResourceStatusReason", "")
            for page in pages.paginate(StackName=stack)
            for event in page["StackEvents"]
            if event["ResourceStatus"] in {"CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"}
        }

    def left(self) -> list[str]:
        """Everything that is in the account."""
        return everything(self.session)

    def put(self, key: str, body: bytes = b"x") -> None:
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> str:
        body = self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"]
        return str(body.read().decode())

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in found for entry in page.get("Contents", [])]

    def queries(self) -> dict[str, str]:
        """The saved queries of the workgroup, by name."""
        athena = self.client("athena")
        ids = [
            query_id
            for page in athena.get_paginator("list_named_queries").paginate(WorkGroup=WORKGROUP)
            for query_id in page["NamedQueryIds"]
        ]
        found = [athena.get_named_query(NamedQueryId=query_id)["NamedQuery"] for query_id in ids]
        return {query["Name"]: query["QueryString"] for query in found}

    def participate(self) -> None:
        """Leave behind what participants leave behind."""
        s3, glue, athena = self.client("s3"), self.client("glue"), self.client("athena")
        self.put("notes/mine.txt", b"one")
        self.put("notes/mine.txt", b"two")
        self.put("notes/gone.txt")
        s3.delete_object(Bucket=self.bucket, Key="notes/gone.txt")
        s3.create_multipart_upload(Bucket=self.bucket, Key="notes/unfinished")
        for name, kind in (("my_table", "EXTERNAL_TABLE"), ("my_view", "VIRTUAL_VIEW")):
            table = {
                "Name": name,
                "TableType": kind,
                "ViewOriginalText": "SELECT 1",
                "StorageDescriptor": {
                    "Columns": [{"Name": "line", "Type": "string"}],
                    "Location": f"s3://{self.bucket}/notes/",
                },
            }
            glue.create_table(DatabaseName=DATABASE, TableInput=table)
        athena.create_named_query(
            Name="mine", Database=DATABASE, QueryString="SELECT 42", WorkGroup=WORKGROUP
        )
        for sql in ("SELECT count(*) FROM segment_logs", "SELECT 1"):  # history; one may run still
            athena.start_query_execution(
                QueryString=sql,
                WorkGroup=WORKGROUP,
                QueryExecutionContext={"Database": DATABASE},
            )

    def work_is_there(self) -> None:
        """What `participate` left is as it was."""
        assert self.get("notes/mine.txt") == "two"
        assert self.queries()["mine"] == "SELECT 42"
        tables = self.client("glue").get_tables(DatabaseName=DATABASE)["TableList"]
        assert {"my_table", "my_view"} <= {table["Name"] for table in tables}


def text_of(template: Template) -> str:
    """The template's text, with few sample logs for each day."""
    return body(template).decode().replace(DEFAULT_VOLUME, f"{DEFAULT_VOLUME}{LITTLE}")


@pytest.fixture
def cloud(server: Failing) -> Iterator[Cloud]:
    """An account with nothing in it, before and after."""
    account = new_account()
    with signed_in(server, account) as session:
        cloud = Cloud(server, session, account)
        yield cloud
        assert cloud.left() == []


@pytest.fixture
def template() -> Template:
    return event_template()


# What a later version changes, by the type of the resource: a property's path and its value.
CHANGES: dict[str, tuple[Any, ...]] = {
    "AWS::Athena::NamedQuery": ("QueryString", "SELECT 'newer'"),
    "AWS::Athena::WorkGroup": ("Description", "newer"),
    "AWS::Glue::Database": ("DatabaseInput", "Description", "newer"),
    "AWS::Glue::Job": ("Timeout", 20),
    "AWS::Glue::Table": ("TableInput", "Description", "newer"),
    "AWS::IAM::ManagedPolicy": ("PolicyDocument", "Statement", 0, "Sid", "Newer"),
    "AWS::IAM::Role": ("Description", "newer"),
    "AWS::Lambda::Function": ("Description", "newer"),
    "AWS::Logs::LogGroup": ("RetentionInDays", 30),
    "AWS::S3::Bucket": ("Tags", [{"Key": "version", "Value": "newer"}]),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Statement", 0, "Sid", "Newer"),
    "Custom::BucketContents": ("Objects", SCRIPT, "# newer\n"),
}


def newer() -> Template:
    """A template of a later version, in which every resource has changed and a query is new."""
    template = event_template()
    resources = template["Resources"]
    for resource in resources.values():
        *path, last, value = CHANGES[resource["Type"]]
        owner = resource["Properties"]
        for key in path:
            owner = owner[key]
        owner[last] = value
    query = copy.deepcopy(resources["Athena01"])
    query["Properties"] |= {"Name": "99 New", "QueryString": "SELECT 99"}
    return {**template, "Resources": {**resources, "Athena99": query}}


def test_the_template_is_all_that_an_account_needs(cloud: Cloud, template: Template) -> None:
    """An event's accounts have no bootstrap, and may get a second copy."""
    assert cloud.create(template, LONGEST_NAME) == "CREATE_COMPLETE"
    assert cloud.get(SCRIPT) == SCRIPT_FILE.read_text(encoding="utf-8")
    assert cloud.get(HELPER) == HELPER_FILE.read_text(encoding="utf-8")
    location = cloud.client("glue").get_job(JobName="SegmentEventsJsonToCsv")["Job"]["Command"]
    assert location["ScriptLocation"] == f"s3://{cloud.bucket}/{SCRIPT}"
    assert len(cloud.keys("segment-logs/")) >= 90
    given = {"BucketSuffix": "twelveletter", "SegmentWorkspaceId": "workspace1"}
    assert cloud.create(template, "Second", **given) == "CREATE_COMPLETE"
    assert cloud.delete("Second") == "DELETE_COMPLETE"
    assert len(cloud.keys("segment-logs/")) >= 90
    assert cloud.delete(LONGEST_NAME) == "DELETE_COMPLETE"


def test_an_update_keeps_what_participants_did_and_everything_can_be_deleted(
    cloud: Cloud,
    template: Template,
) -> None:
    """A correction in the middle of an event would cost everybody's work."""
    assert cloud.create(template) == "CREATE_COMPLETE"
    cloud.participate()
    cloud.put(SCRIPT, b"print('edited')")
    logs = cloud.keys("segment-logs/")

    assert cloud.update(newer()) == "UPDATE_COMPLETE"

    cloud.work_is_there()
    assert cloud.keys("segment-logs/") == logs
    assert cloud.get(SCRIPT) == "# newer\n"
    (edited,) = set(cloud.keys("scripts/")) - {SCRIPT, HELPER}
    assert cloud.get(edited) == "print('edited')"
    assert sorted(cloud.queries().values()) == ["SELECT 'newer'"] * 17 + ["SELECT 42", "SELECT 99"]
    assert cloud.delete() == "DELETE_COMPLETE"
    assert cloud.left() == []
    # A minute later, in the same account; then somebody removes the bucket by hand.
    assert cloud.create(template) == "CREATE_COMPLETE"
    bucket = cloud.session.resource("s3").Bucket(cloud.bucket)
    bucket.object_versions.delete()
    bucket.delete()
    assert cloud.delete() == "DELETE_COMPLETE"
    cloud.client("cloudformation").delete_stack(StackName="Event")  # twice


def test_an_update_from_the_template_before_brings_both_files(
    cloud: Cloud, template: Template
) -> None:
    """Accounts that were prepared with the older file get the newer job, and lose nothing."""
    assert cloud.create(EARLIER) == "CREATE_COMPLETE"
    cloud.participate()
    cloud.put(SCRIPT, b"print('edited')")
    logs, queries = cloud.keys("segment-logs/"), cloud.queries()

    assert cloud.update(template) == "UPDATE_COMPLETE"

    cloud.work_is_there()
    assert cloud.keys("segment-logs/") == logs
    assert cloud.queries().keys() == queries.keys()
    assert cloud.get(SCRIPT) == SCRIPT_FILE.read_text(encoding="utf-8")
    assert cloud.get(HELPER) == HELPER_FILE.read_text(encoding="utf-8")
    (edited,) = set(cloud.keys("scripts/")) - {SCRIPT, HELPER}
    assert cloud.get(edited) == "print('edited')"
    glue, job = cloud.client("glue"), "SegmentEventsJsonToCsv"
    run = glue.start_job_run(JobName=job)["JobRunId"]
    state = "STARTING"
    while state in {"STARTING", "RUNNING"}:
        time.sleep(0.5)
        state = glue.get_job_run(JobName=job, RunId=run)["JobRun"]["JobRunState"]
    assert state == "SUCCEEDED"
    assert cloud.delete() == "DELETE_COMPLETE"


def test_a_lambda_that_fails_half_way_leaves_nothing(cloud: Cloud, template: Template) -> None:
    """The bucket would not be empty, the rollback fail, and the event lose the account."""
    policy = template["Resources"]["ContentsPolicy"]["Properties"]["PolicyDocument"]
    for statement in policy["Statement"]:
        if isinstance(statement["Resource"], list):  # logs may be written, the script may not
            statement["Resource"] = [r for r in statement["Resource"] if "scripts" not in str(r)]
    assert cloud.create(template) == "ROLLBACK_COMPLETE"
    reason = cloud.failures()["ContentsSampleData"]
    assert "AccessDenied" in reason
    assert cloud.bucket in reason
    assert [item for item in cloud.left() if "CloudFormation" not in item] == []
    assert cloud.delete() == "DELETE_COMPLETE"


@pytest.mark.slow
def test_a_failure_at_any_resource_leaves_nothing(cloud: Cloud, template: Template) -> None:
    """The next attempt in the account would fail on what the first one left."""
    for failing in template["Resources"]:
        cloud.server.fail_at(failing, cloud.account)
        assert cloud.create(template, SegmentWorkspaceId="workspace1") == "ROLLBACK_COMPLETE"
        assert cloud.failures() == {failing: f"injected at {failing}"}
        assert [item for item in cloud.left() if "CloudFormation" not in item] == []
        assert cloud.delete() == "DELETE_COMPLETE"


@pytest.mark.slow
def test_a_failure_at_any_update_brings_everything_back(cloud: Cloud, template: Template) -> None:
    """A correction that fails would take the environment with it."""
    assert cloud.create(template) == "CREATE_COMPLETE"
    cloud.participate()
    script, queries, logs = cloud.get(SCRIPT), cloud.queries(), cloud.keys("segment-logs/")
    resources = template["Resources"].items()
    unconditional = [name for name, resource in resources if "Condition" not in resource]
    for failing in (*unconditional, "Athena99"):
        cloud.server.fail_at(failing, cloud.account)
        assert cloud.update(newer()) == "UPDATE_ROLLBACK_COMPLETE", failing
        assert cloud.failures()[failing] == f"injected at {failing}"
        cloud.work_is_there()
        assert cloud.get(SCRIPT) == script, failing
        assert cloud.queries() == queries, failing
        assert cloud.keys("segment-logs/") == logs
    assert cloud.update(newer()) == "UPDATE_COMPLETE"
    cloud.work_is_there()
    assert cloud.delete() == "DELETE_COMPLETE"


@pytest.mark.slow
def test_a_bucket_of_20_000_objects_can_be_deleted(cloud: Cloud, template: Template) -> None:
    """The stacks of the busiest participants would stay."""
    assert cloud.create(template) == "CREATE_COMPLETE"
    s3 = cloud.client("s3")
    with ThreadPoolExecutor(4) as pool:
        for number in range(20_000):
            pool.submit(s3.put_object, Bucket=cloud.bucket, Key=f"many/{number % 18_000}", Body=b"")
        for number in range(1_100):
            pool.submit(s3.create_multipart_upload, Bucket=cloud.bucket, Key=f"unfinished/{number}")
    assert len(cloud.keys("many/")) == 18_000
    began = time.monotonic()
    assert cloud.delete() == "DELETE_COMPLETE"
    assert time.monotonic() - began < 60  # the Lambda has 15 minutes


@pytest.mark.slow
@pytest.mark.parametrize("stop", [True, False], ids=["stopped", "running"])
def test_a_job_run_does_not_hold_the_deletion_up(
    cloud: Cloud, template: Template, *, stop: bool
) -> None:
    """A run that is under way would fill the bucket again, or bring its log groups back."""
    assert cloud.create(template) == "CREATE_COMPLETE"
    glue, job = cloud.client("glue"), "SegmentEventsJsonToCsv"
    run = glue.start_job_run(JobName=job)["JobRunId"]
    while glue.get_job_run(JobName=job, RunId=run)["JobRun"]["JobRunState"] == "STARTING":
        time.sleep(0.1)
    if stop:
        glue.batch_stop_job_run(JobName=job, JobRunIds=[run])
    else:
        time.sleep(3)
    assert cloud.delete() == "DELETE_COMPLETE"
    assert cloud.left() == []
    time.sleep(0 if stop else 20)  # until Spark has come to its end


@pytest.mark.slow
def test_a_bucket_emptied_by_hand_and_things_removed_by_hand_can_be_deleted(
    cloud: Cloud, template: Template
) -> None:
    """The stacks of tidy participants would stay."""
    assert cloud.create(template) == "CREATE_COMPLETE"
    bucket = cloud.session.resource("s3").Bucket(cloud.bucket)
    bucket.object_versions.delete()
    cloud.client("s3").delete_bucket_policy(Bucket=cloud.bucket)
    cloud.client("glue").delete_table(DatabaseName=DATABASE, Name="interactions")
    cloud.client("glue").delete_job(JobName="SegmentEventsJsonToCsv")
    cloud.client("logs").delete_log_group(logGroupName="/aws-glue/SegmentEventsJsonToCsv/error")
    assert cloud.delete() == "DELETE_COMPLETE"


@pytest.mark.slow
def test_what_is_made_outside_of_the_stack_is_left_to_who_made_it(
    cloud: Cloud, template: Template
) -> None:
    """Deleting the exercise would delete a database that others use: `default` is anyone's."""
    assert cloud.create(template) == "CREATE_COMPLETE"
    cloud.client("glue").create_database(DatabaseInput={"Name": "default"})
    assert cloud.delete() == "DELETE_COMPLETE"
    assert cloud.left() == ["Glue database default"]
    cloud.client("glue").delete_database(Name="default")


@pytest.mark.slow
def test_another_suffix_at_an_update_is_refused_and_costs_nothing(
    cloud: Cloud, template: Template
) -> None:
    """A parameter typed differently at an update would cost the data."""
    assert cloud.create(template) == "CREATE_COMPLETE"
    cloud.participate()
    logs = cloud.keys("segment-logs/")
    assert cloud.update(newer(), BucketSuffix="b") == "UPDATE_ROLLBACK_COMPLETE"
    cloud.work_is_there()
    assert cloud.keys("segment-logs/") == logs
    assert cloud.get(SCRIPT) == SCRIPT_FILE.read_text(encoding="utf-8")
    assert cloud.delete() == "DELETE_COMPLETE"
