"""What organizers and participants would lose if the stack said something else."""

import json
import re
from typing import Any

import pytest
from aws_cdk.assertions import Template

from stacks import outputs
from stacks.bucket_contents.construct import INLINE_SOURCE
from stacks.catalog import TRAIT_MAPPINGS
from stacks.config import WorkshopConfig
from tests.support import PROJECT
from tests.support.templates import synthesize, text

Resources = dict[str, dict[str, Any]]


def of_type(resources: Resources, resource_type: str) -> list[dict[str, Any]]:
    return [r for r in resources.values() if r["Type"] == resource_type]


def statements(resources: Resources) -> list[dict[str, Any]]:
    """Every statement of the roles' policies."""
    return [
        statement
        for policy in of_type(resources, "AWS::IAM::ManagedPolicy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def actions(statement: dict[str, Any]) -> list[str]:
    found = statement["Action"]
    return found if isinstance(found, list) else [found]


def test_bucket_has_its_name_encryption_and_no_acls(resources: Resources) -> None:
    """Participants look for personalize-data-<account id>.

    That it is private and versioned is what the rule packs hold every synthesis against.
    """
    (bucket,) = (found["Properties"] for found in of_type(resources, "AWS::S3::Bucket"))
    name = text(bucket["BucketName"])
    assert name.startswith("personalize-data-<AWS::AccountId>")
    assert "HasSuffix" in name
    assert bucket["BucketEncryption"]
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_bucket_policy_stays_until_the_bucket_goes(resources: Resources) -> None:
    """Deleted before the bucket, the policy could not keep late writers out."""
    (policy,) = of_type(resources, "AWS::S3::BucketPolicy")
    assert policy["DeletionPolicy"] == "Retain"


def test_raw_table_has_the_columns_that_the_exercise_asks_for(resources: Resources) -> None:
    """A column that is missing fails the participant's query."""
    (table,) = (
        t["Properties"]["TableInput"]
        for t in of_type(resources, "AWS::Glue::Table")
        if t["Properties"]["TableInput"]["Name"] == "segment_logs"
    )
    columns = {c["Name"]: c["Type"] for c in table["StorageDescriptor"]["Columns"]}
    assert {"messageid", "event", "userid", "timestamp", "context", "traits"} <= columns.keys()
    assert ",sku:string," in columns["properties"]
    assert re.search(r"products:array<struct<[^>]*sku:string>>", columns["properties"])
    serde = table["StorageDescriptor"]["SerdeInfo"]
    assert serde["SerializationLibrary"] == "org.openx.data.jsonserde.JsonSerDe"
    for column, key in TRAIT_MAPPINGS.items():
        assert serde["Parameters"][f"mapping.{column}"] == key
        assert f"{column}:string" in columns["traits"]


def test_interactions_table_reads_the_csv_as_it_is(resources: Resources) -> None:
    """The header would be counted as a user, and a timestamp type would be read as ms.

    The SerDe's own escape, a backslash, would change identifiers and break rows.
    """
    (table,) = (
        t["Properties"]["TableInput"]
        for t in of_type(resources, "AWS::Glue::Table")
        if t["Properties"]["TableInput"]["Name"] == "interactions"
    )
    assert table["Parameters"]["skip.header.line.count"] == "1"
    assert [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]] == [
        ("user_id", "string"),
        ("item_id", "string"),
        ("event_type", "string"),
        ("timestamp", "bigint"),
        ("event_value", "string"),  # an empty field in a number's column fails the query
    ]
    assert text(table["StorageDescriptor"]["Location"]).endswith("/transformed/")
    serde = table["StorageDescriptor"]["SerdeInfo"]
    assert serde["SerializationLibrary"].endswith("OpenCSVSerde")
    assert serde["Parameters"]["escapeChar"] == "\n"


def test_job_is_small_short_and_has_its_arguments(resources: Resources) -> None:
    """Ten workers for 480 minutes is what Glue would take unasked; arguments are the lesson."""
    (job,) = of_type(resources, "AWS::Glue::Job")
    properties = job["Properties"]
    assert text(properties["Name"]).startswith("SegmentEventsJsonToCsv")
    assert properties["GlueVersion"] == "6.0"
    assert properties["Command"]["PythonVersion"] == "3"
    assert (properties["WorkerType"], properties["NumberOfWorkers"]) == ("G.1X", 2)
    assert properties["Timeout"] <= 15
    arguments = properties["DefaultArguments"]
    assert text(arguments["--S3_CSV_OUTPUT_PATH"]).endswith("/transformed")
    assert text(arguments["--S3_REJECTED_PATH"]).endswith("/rejected")
    assert arguments["--enable-auto-scaling"] == "true"


def test_the_job_and_its_module_are_the_only_assets(
    template: Template, resources: Resources
) -> None:
    """Any other asset would need the bootstrap bucket of every account at an event."""
    (job,) = of_type(resources, "AWS::Glue::Job")
    assert text(job["Properties"]["Command"]["ScriptLocation"]).endswith(".py")
    # A zip, in which the module has its name: as a file it would be named by its hash.
    assert text(job["Properties"]["DefaultArguments"]["--extra-py-files"]).endswith(".zip")
    (function,) = of_type(resources, "AWS::Lambda::Function")
    code, _ = function["Properties"]["Code"]["ZipFile"]["Fn::Sub"]
    assert code == INLINE_SOURCE
    # Location and grant, of each.
    assert json.dumps(template.to_json()).count("cdk-hnb659fds-assets") == 4


def test_the_job_names_its_own_region_to_s3a(resources: Resources) -> None:
    """S3A would send its first calls to us-east-2, which an account may deny.

    Source: AWS Glue Developer Guide, "Migrating AWS Glue jobs to AWS Glue version 5.1".
    """
    (job,) = of_type(resources, "AWS::Glue::Job")
    conf = text(job["Properties"]["DefaultArguments"]["--conf"])
    assert conf == "spark.hadoop.fs.s3a.endpoint.region=<AWS::Region>"


@pytest.mark.parametrize("target", ["account", "event"])
def test_roles_stay_within_the_account(target: str) -> None:
    """A bucket's name may be taken by another account, and a service may be asked by one.

    Sources: AWS IAM User Guide, "AWS global condition context keys": aws:ResourceAccount,
    aws:SourceAccount.
    """
    own = {"Ref": "AWS::AccountId"}
    resources = synthesize(WorkshopConfig(target=target)).to_json()["Resources"]
    for name in ("EtlRole", "ContentsRole", "PersonalizeRole"):
        (trust,) = resources[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": own}
    checked = 0
    for name in ("EtlPolicy", "ContentsPolicy", "SegmentPolicy"):
        for statement in resources[name]["Properties"]["PolicyDocument"]["Statement"]:
            if any(action.startswith("s3:") for action in actions(statement)):
                assert statement["Condition"] == {"StringEquals": {"aws:ResourceAccount": own}}
                checked += 1
    assert checked >= 5


def test_no_log_group_can_come_back(resources: Resources) -> None:
    """Groups that are made on first write outlive the stack."""
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert groups
    for group in groups:
        assert group["DeletionPolicy"] == "Delete"
        assert group["Properties"]["RetentionInDays"] == 14
    own = {name for name, r in resources.items() if r["Type"] == "AWS::Logs::LogGroup"}
    for statement in statements(resources):
        if any("CreateLogGroup" in action for action in actions(statement)):
            # Glue's log agent may ask for its groups: for those of the stack, and for no others.
            assert {r["Fn::GetAtt"][0] for r in statement["Resource"]} <= own
    for role in of_type(resources, "AWS::IAM::Role"):
        assert "Policies" not in role["Properties"]
        (policy,) = role["Properties"]["ManagedPolicyArns"]  # the stack's own, not one of AWS's
        assert resources[policy["Ref"]]["Type"] == "AWS::IAM::ManagedPolicy"
    (job,) = of_type(resources, "AWS::Glue::Job")
    prefix = text(job["Properties"]["DefaultArguments"]["--custom-logGroup-prefix"])
    names = {
        text(g["Properties"]["LogGroupName"]) for g in groups if "LogGroupName" in g["Properties"]
    }
    assert names == {f"{prefix}/output", f"{prefix}/error"}


def test_workgroup_limits_scans_and_can_be_deleted(resources: Resources) -> None:
    """A query history would otherwise block the stack's deletion."""
    (workgroup,) = of_type(resources, "AWS::Athena::WorkGroup")
    properties = workgroup["Properties"]
    assert text(properties["Name"]).startswith("segment-personalize")
    assert properties["RecursiveDeleteOption"] is True
    configuration = properties["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] >= 10_000_000
    location = configuration["ResultConfiguration"]["OutputLocation"]
    assert text(location).endswith("/athena-results/")


def test_every_sql_file_is_a_saved_query(resources: Resources) -> None:
    """A query that is not deployed is a step of the guide that is not there."""
    saved = of_type(resources, "AWS::Athena::NamedQuery")
    files = sorted((PROJECT / "athena").glob("*.sql"))
    names = {re.findall(r"^-- name: (.+)$", f.read_text(), re.MULTILINE)[0] for f in files}
    assert {q["Properties"]["Name"] for q in saved} == names
    assert len(names) == len(files)
    for query in saved:
        assert query["Properties"]["Description"]
        assert "WorkGroup" in query["Properties"]


def test_segment_may_write_only_when_a_workspace_is_given(resources: Resources) -> None:
    """A role for nobody's external id would be open to every Segment customer."""
    (role,) = (
        r
        for r in of_type(resources, "AWS::IAM::Role")
        if "segment-s3-integration" in json.dumps(r["Properties"]["AssumeRolePolicyDocument"])
    )
    assert role["Condition"] == "HasSegmentWorkspace"
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "SegmentWorkspaceId"}}}
    (arn,) = role["Properties"]["ManagedPolicyArns"]
    policy = resources[arn["Ref"]]
    assert policy["Condition"] == "HasSegmentWorkspace"
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["s3:PutObject", "s3:PutObjectAcl"]
    assert text(statement["Resource"]).endswith("/segment-logs/*")


def test_contents_go_before_the_bucket_and_come_after_its_policy(resources: Resources) -> None:
    """Deleted in another order, the bucket is not empty when its turn comes."""
    (contents,) = of_type(resources, "Custom::BucketContents")
    needed = {resources[name]["Type"] for name in contents["DependsOn"]}
    # The policy's own reference makes the bucket itself come before it, and go after it.
    assert {"AWS::S3::BucketPolicy", "AWS::Glue::Job", "AWS::Athena::WorkGroup"} <= needed


def test_outputs_are_what_the_command_line_reads(template: Template) -> None:
    """The command line finds everything through the outputs."""
    found = template.to_json()["Outputs"]
    names = {value for name, value in vars(outputs).items() if name.isupper()}
    assert found.keys() == names
    for name in (outputs.BUCKET_CONSOLE, outputs.ATHENA_CONSOLE, outputs.JOB_CONSOLE):
        assert text(found[name]["Value"]).startswith("https://")
    assert found[outputs.SEGMENT_ROLE]["Condition"] == "HasSegmentWorkspace"


def test_retained_data_stays_and_is_not_emptied() -> None:
    """Who asks to keep the data must not find the bucket empty."""
    resources = synthesize(WorkshopConfig(retain_data=True)).to_json()["Resources"]
    for kind in ("AWS::S3::Bucket", "Custom::BucketContents"):
        (resource,) = of_type(resources, kind)
        assert resource["DeletionPolicy"] == "Retain"


def test_synthesis_gives_the_same_template_twice(template: Template) -> None:
    """A template that changes by itself makes every update a surprise."""
    assert synthesize().to_json() == template.to_json()
