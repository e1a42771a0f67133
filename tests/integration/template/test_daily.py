"""The schedule of `cdk deploy`: the job every day, for the day before, and an alarm."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from stacks.config import WorkshopConfig
from tests.support.templates import synthesize, text

Resources = dict[str, dict[str, Any]]
CONFIG = WorkshopConfig(schedule="cron(15 1 * * ? *)", alarm_email="somebody@example.com")


@pytest.fixture(scope="module")
def daily() -> Resources:
    """The resources of an environment with a schedule."""
    found: Resources = synthesize(CONFIG).to_json()["Resources"]
    return found


def only(resources: Resources, kind: str) -> dict[str, Any]:
    (found,) = (r["Properties"] for r in resources.values() if r["Type"] == kind)
    return dict(found)


def test_the_job_runs_for_the_day_before_into_that_days_folder(daily: Resources) -> None:
    """Each run would replace the CSV of the one before."""
    trigger = only(daily, "AWS::Glue::Trigger")
    assert (trigger["Type"], trigger["StartOnCreation"]) == ("SCHEDULED", True)
    assert trigger["Schedule"] == CONFIG.schedule
    (action,) = trigger["Actions"]
    assert action["JobName"] == {"Ref": "EtlJob"}
    arguments = action["Arguments"]
    assert text(arguments.pop("--S3_CSV_OUTPUT_PATH")).endswith("/transformed/{END_DATE}")
    assert arguments == {"--START_DATE": "yesterday", "--END_DATE": "yesterday"}
    # One that comes while another run is under way waits, instead of being lost without an event.
    assert only(daily, "AWS::Glue::Job")["JobRunQueuingEnabled"] is True


def test_a_failed_run_mails_to_who_asked_for_it(daily: Resources) -> None:
    """A day that is missing would be noticed by whoever trains on it."""
    rule = only(daily, "AWS::Events::Rule")
    assert rule["EventPattern"] == {
        "source": ["aws.glue"],
        "detail-type": ["Glue Job State Change"],
        "detail": {"jobName": [{"Ref": "EtlJob"}], "state": ["FAILED", "TIMEOUT"]},
    }
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": "DailyFailures"}
    subscription = only(daily, "AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", CONFIG.alarm_email)
    statements = only(daily, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert {one["Effect"] for one in statements} == {"Deny", "Allow"}
    assert json.dumps({"Bool": {"aws:SecureTransport": "false"}}) in json.dumps(statements)


def test_without_a_schedule_there_is_nothing_of_it(
    template: Template, resources: Resources, daily: Resources
) -> None:
    """An event would pay for runs that nobody asked for; without an address nobody is mailed."""
    added = {name: r for name, r in daily.items() if name not in resources}
    assert added
    assert all(name.startswith("Daily") for name in added)
    assert only(resources, "AWS::Glue::Job")["JobRunQueuingEnabled"] is False
    without = {name: r for name, r in daily.items() if name in resources}
    job = {**without["EtlJob"]["Properties"], "JobRunQueuingEnabled": False}
    assert without | {"EtlJob": {**without["EtlJob"], "Properties": job}} == resources
    assert (
        template.to_json()["Parameters"].keys() == synthesize(CONFIG).to_json()["Parameters"].keys()
    )
    quiet = synthesize(WorkshopConfig(schedule=CONFIG.schedule)).to_json()["Resources"]
    assert "AWS::SNS::Subscription" not in {r["Type"] for r in quiet.values()}
