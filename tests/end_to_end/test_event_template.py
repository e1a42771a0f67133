"""The event template on the embedded AWS: created, changed, failed and deleted as at an event.

CloudFormation gets the file's own text, without the CDK and without a bootstrap. Most of these
tests are slow (`make test-slow`): they make a whole environment each.
"""

import copy
import json
import lzma
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stacks.etl import HELPER as HELPER_FILE
from stacks.etl import SCRIPT as SCRIPT_FILE
from tests.support.cloud import DATABASE, Cloud, Template
from tests.support.glue import run_of
from tests.support.templates import event_template

SCRIPT, HELPER = f"scripts/{SCRIPT_FILE.name}", f"scripts/{HELPER_FILE.name}"
# The template as it was handed out before the job had a module of its own.
EARLIER: Template = json.loads(
    lzma.decompress(Path(__file__).with_name("earlier.template.json.xz").read_bytes())
)
LONGEST_NAME = "Event" + "x" * 123


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
    assert len(cloud.keys("segment-logs/")) >= 9
    given = {"BucketSuffix": "twelveletter", "SegmentWorkspaceId": "workspace1"}
    assert cloud.create(template, "Second", **given) == "CREATE_COMPLETE"
    assert cloud.delete("Second") == "DELETE_COMPLETE"
    assert len(cloud.keys("segment-logs/")) >= 9
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


@pytest.mark.slow
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
    run = run_of(cloud.client("glue"), "SegmentEventsJsonToCsv")
    assert run["JobRunState"] == "SUCCEEDED"
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
    made = (n for n, r in template["Resources"].items() if r.get("Condition") != "HasExistingLogs")
    for failing in made:
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
