"""The template's parameters: what may be given, and which logs an environment then has."""

import re
from typing import Any

import pytest
from aws_cdk.assertions import Template

from stacks import outputs
from tests.support.templates import resolved, text
from workshop.environment import Environment

Resources = dict[str, dict[str, Any]]


def test_parameters_survive_empty_strings(template: Template) -> None:
    """Event platforms pass blank parameters as empty strings."""
    parameters = template.to_json()["Parameters"]
    for name in ("BucketSuffix", "ExistingLogs", "SegmentWorkspaceId"):
        assert parameters[name]["Default"] == ""
        assert re.fullmatch(parameters[name]["AllowedPattern"], "")
    assert not re.fullmatch(parameters["BucketSuffix"]["AllowedPattern"], "Not-Allowed")
    assert parameters["SampleData"]["Default"] == ""
    assert parameters["SampleData"]["AllowedValues"] == ["", "yes", "no"]


def test_every_name_fits_with_the_longest_suffix(template: Template, resources: Resources) -> None:
    """The second copy in an account would fail where the first one did not.

    Names that are not given CloudFormation makes, and shortens itself. Source of the shortest two:
    Amazon S3 User Guide, "General purpose bucket naming rules"; Athena API, CreateWorkGroup.
    """
    longest = {"AWS::AccountId": "111122223333", "BucketSuffix": "twelveletter"}
    names = 0
    for resource in resources.values():
        for key, name in resource.get("Properties", {}).items():
            if key in {"Name", "BucketName", "LogGroupName"}:
                text = resolved(name, lambda of: longest.get(of, ""), {"HasSuffix": True})
                assert len(text) <= (63 if key == "BucketName" else 128), text
                names += 1
    assert names > 17, "those of the saved queries, and others"
    pattern = template.to_json()["Parameters"]["BucketSuffix"]["AllowedPattern"]
    assert re.fullmatch(pattern, "twelveletter")
    assert not re.fullmatch(pattern, "twelveletters")


def test_another_suffix_is_refused_by_the_template(template: Template) -> None:
    """An update would end well, with an empty bucket, and leave all data in the old one.

    CloudFormation calls the function, which refuses, only where a property of its own changes.
    """
    description = template.to_json()["Parameters"]["BucketSuffix"]["Description"]
    assert "Cannot be changed later" in description
    (bucket,) = template.find_resources("AWS::S3::Bucket")
    (contents,) = template.find_resources("Custom::BucketContents").values()
    assert contents["Properties"]["Bucket"] == {"Ref": bucket}


@pytest.mark.parametrize(
    ("logs", "allowed"),
    [
        ("s3://company-logs/segment-logs", True),
        ("s3://company.logs/deep/er/folder name", True),
        ("s3://company-logs/segment-logs/", False),  # the role asks for the folder's own name
        ("s3://company-logs", False),
        ("s3://company-logs/", False),
        ("company-logs/segment-logs", False),
        ("s3://Company/logs", False),
        ("s3://company-logs/*", False),
        ("s3://company-logs/a?c", False),
        ("s3://company-logs/${aws:username}", False),
        ("s3://company-logs//logs", False),
        ("s3://personalize-data-111122223333/segment-logs", False),  # emptied with its stack
    ],
)
def test_existing_logs_are_one_folder_of_a_bucket(
    template: Template,
    logs: str,
    allowed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A wildcard would open more than one folder; a mistake would be found by the first run."""
    pattern = template.to_json()["Parameters"]["ExistingLogs"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, logs)) == allowed


@pytest.mark.parametrize(
    ("given", "samples"),
    [
        ({}, True),
        ({"SampleData": "no"}, False),
        ({"SegmentWorkspaceId": "workspace1"}, False),
        ({"SegmentWorkspaceId": "workspace1", "SampleData": "yes"}, True),
        ({"ExistingLogs": "s3://company-logs/segment-logs"}, False),
        ({"ExistingLogs": "s3://company-logs/segment-logs", "SampleData": "no"}, False),
        ({"ExistingLogs": "s3://company-logs/segment-logs", "SampleData": "yes"}, None),
        ({"ExistingLogs": "s3://company-logs/segment-logs", "SegmentWorkspaceId": "w"}, None),
    ],
    ids=str,
)
def test_simulated_and_real_events_are_mixed_for_who_asks_only(
    template: Template,
    given: dict[str, str],
    samples: bool | None,  # noqa: FBT001 - a column of the table
) -> None:
    """A model would learn from people who do not exist. None: CloudFormation refuses it.

    The command line says the same of the parameters as the template.
    """
    found = template.to_json()
    parameters = {name: given.get(name, "") for name in found["Parameters"]}

    def holds(expression: dict[str, Any]) -> bool:
        ((function, operands),) = expression.items()
        match function:
            case "Condition":
                return holds(found["Conditions"][operands])
            case "Fn::Equals":
                one, other = (parameters[o["Ref"]] if isinstance(o, dict) else o for o in operands)
                return bool(one == other)
            case "Fn::Not":
                return not holds(operands[0])
        return {"Fn::And": all, "Fn::Or": any}[function](map(holds, operands))

    (assertion,) = found["Rules"]["ExistingLogsAlone"]["Assertions"]
    assert holds(assertion["Assert"]) == (samples is not None)
    if samples is not None:
        assert holds({"Condition": "HasSampleData"}) == samples
        bucket = {outputs.BUCKET: "personalize-data-111122223333"}
        environment = Environment("One", "arn:one", "CREATE_COMPLETE", bucket, parameters)
        assert environment.sample_data == samples
        own = f"s3://{environment.bucket}/segment-logs"
        assert environment.logs == f"{given.get('ExistingLogs', own)}/"
    contents = found["Resources"]["ContentsSampleData"]["Properties"]
    assert contents["SampleData"] == {"Fn::If": ["HasSampleData", "yes", "no"]}


def test_table_and_job_follow_existing_logs(resources: Resources) -> None:
    """Athena would show other events than those that the job reads."""
    table, job = resources["CatalogSegmentLogsTable"], resources["EtlJob"]
    location = table["Properties"]["TableInput"]["StorageDescriptor"]["Location"]
    condition, existing, own = location["Fn::If"]
    assert job["Properties"]["DefaultArguments"]["--S3_JSON_INPUT_PATH"] == location
    assert (condition, text(existing)) == ("HasExistingLogs", "<ExistingLogs>/")
    assert text(own).endswith("/segment-logs/")
    assert resources["EtlExistingLogs"]["Condition"] == "HasExistingLogs"
