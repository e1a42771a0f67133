"""The embedded Personalize, by its own API: as strict as the service's documentation and model."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.personalize import COLUMNS, HEADER, Service, interactions, schema, settled
from workshop.account import EMBEDDED_REGION

RECIPE = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
LONG = "u" * 257


@pytest.fixture(scope="module")
def module_service(owner: boto3.Session, account: str) -> Service:
    service = Service(owner, account)
    owner.client("s3").create_bucket(Bucket=service.bucket)
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    owner.client("iam").create_role(RoleName="reader", AssumeRolePolicyDocument=trust)
    service.client.create_schema(name="schema", schema=schema())
    service.make_dataset("group")
    return service


@pytest.fixture
def service(module_service: Service) -> Iterator[Service]:
    """Everything as documented, with a good CSV."""
    s3 = module_service.session.client("s3")
    module_service.put_trust()
    module_service.put_rights("s3:GetObject", "s3:ListBucket")
    module_service.put_bucket_policy("s3:GetObject", "s3:ListBucket")
    s3.put_object(Bucket=module_service.bucket, Key="csv/run-1.csv", Body=interactions())
    yield module_service
    for found in s3.list_objects_v2(Bucket=module_service.bucket).get("Contents", []):
        s3.delete_object(Bucket=module_service.bucket, Key=found["Key"])


def refused(service: Service, operation: str, **request: Any) -> tuple[str, str]:
    """The code and the text of a refusal; `{account}` in a request is this one."""
    text = json.dumps(request).replace("{account}", service.account)
    with pytest.raises(ClientError) as error:
        getattr(service.client, operation)(**json.loads(text))
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


HERE = f"arn:aws:personalize:{EMBEDDED_REGION}:{{account}}:"
GROUP, DATASET = f"{HERE}dataset-group/group", f"{HERE}dataset/group/INTERACTIONS"
JOB = {
    "jobName": "job",
    "datasetArn": DATASET,
    "dataSource": {"dataLocation": "s3://bucket/csv/"},
    "roleArn": "arn:aws:iam::{account}:role/reader",
}
HTTPS = {"dataLocation": "https://bucket/csv/"}
ELSEWHERE = f"arn:aws:personalize:{EMBEDDED_REGION}:999999999999:schema/schema"
NOT_FOUND = "ResourceNotFound"
TAG = {"tagKey": "!", "tagValue": ""}
IN_GROUP = {"name": "x", "datasetGroupArn": GROUP}
IN_DATASET = IN_GROUP | {"datasetType": "Interactions", "schemaArn": f"{HERE}schema/schema"}
KMS_ROLE = {"name": "x", "roleArn": "arn:aws:iam::111122223333:role/reader"}


def schema_of(**columns: Any) -> dict[str, str]:
    """A request for a schema in which some columns are other ones."""
    types = {name: kind for name, kind in (COLUMNS | columns).items() if kind}
    return {"name": "x", "schema": schema(**types)}


@pytest.mark.parametrize(
    ("operation", "request_", "named"),
    [
        ("create_schema", {"name": "x"}, "schema"),
        ("create_schema", {"name": "-x", "schema": "{}"}, "name"),
        ("create_schema", {"name": "x" * 64, "schema": "{}"}, "63"),
        ("create_schema", {"name": "x", "schema": "x" * 20_001}, "20000"),
        ("create_schema", {"name": "x", "schema": "{}", "domain": "SHOP"}, "ECOMMERCE"),
        ("create_dataset_group", {"name": 7}, "name"),
        ("create_dataset_group", {"name": "x", "roleArn": "role"}, "roleArn"),
        ("create_dataset_group", {"name": "x", "tags": [TAG]}, "tagKey"),
        ("create_dataset", {"name": "x", "datasetType": "No 1"}, "datasetGroupArn"),
        ("create_dataset_import_job", JOB | {"importMode": "SOME"}, "INCREMENTAL"),
        ("create_dataset_import_job", JOB | {"dataSource": {"dataLocation": "bucket/csv/"}}, "s3"),
        ("describe_schema", {"schemaArn": "arn:aws:s3:::bucket"}, "schemaArn"),
        ("list_datasets", {"maxResults": 101}, "maxResults"),
        ("list_datasets", {"maxResults": 0}, "maxResults"),
        ("create_filter", IN_GROUP | {"filterExpression": ""}, "filter"),
    ],
)
def test_it_refuses_what_the_model_refuses(
    module_service: Service, operation: str, request_: dict[str, Any], named: str
) -> None:
    """A request would go through on this machine, and fail on AWS."""
    code, message = refused(module_service, operation, **request_)
    assert code == "ValidationException"
    assert named in message


@pytest.mark.parametrize(
    ("operation", "request_", "expected", "named"),
    [
        ("create_schema", {"name": "x", "schema": "{"}, "InvalidInput", "Avro"),
        ("create_schema", {"name": "x", "schema": "[]"}, "InvalidInput", "Avro"),
        ("create_schema", {"name": "x", "schema": schema("Events")}, "InvalidInput", "Events"),
        ("create_schema", {"name": "x", "schema": schema(version="2")}, "InvalidInput", "1.0"),
        ("create_schema", schema_of(ITEM_ID=None), "InvalidInput", "ITEM_ID"),
        ("create_schema", schema_of(TIMESTAMP="string"), "InvalidInput", "TIMESTAMP"),
        ("create_schema", schema_of(USER_ID=["null", "string"]), "InvalidInput", "USER_ID"),
        ("create_schema", schema_of(EVENT_VALUE="string"), "InvalidInput", "EVENT_VALUE"),
        ("create_schema", {"name": "schema", "schema": schema()}, "ResourceAlreadyExists", ""),
        ("create_dataset_group", {"name": "group"}, "ResourceAlreadyExists", "group"),
        ("create_dataset_group", KMS_ROLE, "InvalidInput", "KMS"),
        ("create_dataset", IN_DATASET | {"datasetType": "Items"}, "InvalidInput", "Items"),
        ("create_dataset", IN_DATASET, "ResourceAlreadyExists", "INTERACTIONS"),
        ("create_dataset", IN_DATASET | {"schemaArn": f"{HERE}schema/no"}, NOT_FOUND, "schema/no"),
        ("create_dataset_import_job", JOB | {"roleArn": None}, "InvalidInput", "role"),
        ("create_dataset_import_job", JOB | {"dataSource": HTTPS}, "InvalidInput", "location"),
        ("create_dataset_import_job", JOB | {"datasetArn": f"{HERE}dataset/no"}, NOT_FOUND, "no"),
        ("create_solution", IN_GROUP, "InvalidInput", "recipe"),
        ("create_recommender", IN_GROUP | {"recipeArn": RECIPE}, "InvalidInput", "Domain"),
        ("describe_dataset", {"datasetArn": GROUP}, NOT_FOUND, "group"),
        ("describe_schema", {"schemaArn": ELSEWHERE}, NOT_FOUND, "999999999999"),
        ("delete_schema", {"schemaArn": f"{HERE}schema/schema"}, "ResourceInUse", "INTERACTIONS"),
        ("delete_dataset_group", {"datasetGroupArn": GROUP}, "ResourceInUse", "INTERACTIONS"),
        ("list_schemas", {"nextToken": "none"}, "InvalidNextToken", ""),
        ("list_recipes", {}, "UnknownOperation", "ListRecipes"),
    ],
)
def test_it_refuses_what_the_documentation_forbids(
    module_service: Service, operation: str, request_: dict[str, Any], expected: str, named: str
) -> None:
    """As above; these rules are in texts, not in the model."""
    given = {name: value for name, value in request_.items() if value is not None}
    code, message = refused(module_service, operation, **given)
    assert code == f"{expected}Exception"
    assert named in message


def test_lists_come_in_pages(service: Service) -> None:
    """A reader that stops after the first page would not be noticed."""
    names = [f"page{number}" for number in range(3)]
    for name in names:
        service.client.create_schema(name=name, schema=schema())
    pages = service.client.get_paginator("list_schemas").paginate(PaginationConfig={"PageSize": 2})
    found = [[one["name"] for one in page["schemas"]] for page in pages]
    assert [len(page) for page in found] == [2, 2]
    assert {name for page in found for name in page} == {"schema", *names}
    for name in names:
        service.client.delete_schema(schemaArn=service.arn(f"schema/{name}"))


def test_a_dataset_group_is_waited_for_and_counted(service: Service) -> None:
    """Code that does not wait, or makes a sixth one, would fail on AWS only."""
    client = service.client
    there = client.list_dataset_groups()["datasetGroups"]
    names = [f"more{number}" for number in range(len(there), 5)]
    for name in names:
        client.create_dataset_group(name=name)
    arn = service.arn("dataset-group/more4")
    assert client.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"]["status"] == (
        "CREATE PENDING"
    )
    early = {"name": "x", "datasetType": "Interactions", "datasetGroupArn": arn}
    code, _ = refused(service, "create_dataset", **early, schemaArn=service.arn("schema/schema"))
    assert code == "ResourceInUseException"
    assert refused(service, "create_dataset_group", name="sixth")[0] == "LimitExceededException"
    for name in names:
        arn = service.arn(f"dataset-group/{name}")
        settled(lambda: client.describe_dataset_group(datasetGroupArn=arn))  # noqa: B023
        client.delete_dataset_group(datasetGroupArn=arn)
    status = client.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"]["status"]
    assert status == "DELETE PENDING"
    service.wait_until_gone("describe_dataset_group", datasetGroupArn=arn)


@pytest.mark.parametrize(
    ("csv", "reason"),
    [
        (interactions(), ""),
        (interactions(header=f"{HEADER},MORE", more=",1"), ""),
        (interactions(header="USER_ID,item_id,EVENT_TYPE,TIME"), "columns:[ITEM_ID, TIMESTAMP]."),
        (interactions(header=f'"{HEADER}"'), "missing the following columns"),
        (interactions(999), "at least 1000"),
        (interactions() + b"\xff,item,Product Clicked,1700000000\n", "utf-8"),
        (interactions() + b"user,item,Product Clicked,soon\n", "TIMESTAMP"),
        (interactions() + b"user,item,Product Clicked\n", "1201"),
        (interactions() + b",item,Product Clicked,1700000000\n", "USER_ID"),
        (interactions() + f"{LONG},item,Product Clicked,1700000000\n".encode(), "256"),
        (
            interactions() + "".join(f"u,i,Event {n},1700000000\n" for n in range(7)).encode(),
            "10 distinct event types",
        ),
    ],
)
def test_it_reads_the_csv_to_its_end(
    service: Service, csv: bytes, reason: str, request: pytest.FixtureRequest
) -> None:
    """A CSV that Personalize refuses would pass on this machine."""
    key = "csv/run-1.csv"
    service.session.client("s3").put_object(Bucket=service.bucket, Key=key, Body=csv)
    job = service.import_(f"csv-{abs(hash(request.node.name))}")
    assert job["status"] == ("CREATE FAILED" if reason else "ACTIVE")
    assert reason in job.get("failureReason", "")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("the role's trust", "cannot assume"),
        ("the trust's account", "cannot assume"),
        ("the role", "cannot assume"),
        ("the role's list", "ListObjectsV2"),
        ("the role's objects", "GetObject"),
        ("the bucket policy", "bucket policy does not allow s3:ListBucket"),
        ("the policy's objects", "bucket policy does not allow s3:GetObject"),
        ("the folder", "No objects found in s3 path"),
    ],
)
def test_it_reads_by_the_role_and_by_the_bucket_policy(
    service: Service, broken: str, reason: str
) -> None:
    """A stack that does not let Personalize in would be found out in the account only."""
    changes: dict[str, Any] = {}
    match broken:
        case "the role's trust":
            service.put_trust(Principal={"Service": "glue.amazonaws.com"})
        case "the trust's account":
            other = {"StringEquals": {"aws:SourceAccount": "999999999999"}}
            service.put_trust(Condition=other)
        case "the role":
            changes = {"roleArn": service.role.replace("reader", "nobody")}
        case "the role's list":
            service.put_rights("s3:GetObject")
        case "the role's objects":
            service.put_rights("s3:ListBucket")
        case "the bucket policy":
            service.put_bucket_policy()
        case "the policy's objects":
            service.put_bucket_policy("s3:ListBucket")
        case "the folder":
            changes = {"dataSource": {"dataLocation": f"s3://{service.bucket}/nothing/"}}
    job = service.import_(f"right-{broken.replace(' ', '-').replace(chr(39), '')}", **changes)
    assert job["status"] == "CREATE FAILED"
    assert reason in job["failureReason"]
    assert ("Insufficient privileges" in job["failureReason"]) == (broken != "the folder")


def test_an_incremental_import_adds_to_a_full_one(service: Service) -> None:
    """The first daily import would be refused on AWS."""
    _, dataset = service.make_dataset("daily")
    request = {
        "jobName": "first",
        "datasetArn": dataset,
        "dataSource": {"dataLocation": f"s3://{service.bucket}/csv/"},
        "roleArn": service.role,
    }
    code, message = refused(
        service, "create_dataset_import_job", **request, importMode="INCREMENTAL"
    )
    assert (code, "FULL" in message) == ("InvalidInputException", True)
    assert service.import_("full", datasetArn=dataset)["importMode"] == "FULL"
    added = service.import_("added", datasetArn=dataset, importMode="INCREMENTAL")
    assert (added["status"], added["importMode"]) == ("ACTIVE", "INCREMENTAL")


@pytest.mark.slow
def test_what_is_in_use_is_not_deleted(service: Service) -> None:
    """A teardown in the wrong order would go through here."""
    client, (group, dataset) = service.client, service.make_dataset("used")
    jobs = [
        client.create_dataset_import_job(
            jobName=f"under-way-{number}",
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://{service.bucket}/csv/"},
            roleArn=service.role,
        )["datasetImportJobArn"]
        for number in range(5)
    ]
    limit = {"roleArn": service.role, "datasetArn": dataset, "jobName": "sixth"}
    limit["dataSource"] = {"dataLocation": f"s3://{service.bucket}/csv/"}  # type: ignore[assignment]
    code, message = refused(service, "create_dataset_import_job", **limit)
    assert (code, "More than 5" in message) == ("LimitExceededException", True)
    code, message = refused(service, "delete_dataset", datasetArn=dataset)
    assert (code, "under-way-0" in message) == ("ResourceInUseException", True)
    for arn in jobs:
        settled(lambda: client.describe_dataset_import_job(datasetImportJobArn=arn))  # noqa: B023

    client.create_solution(name="solution", datasetGroupArn=group, recipeArn=RECIPE)
    client.create_event_tracker(name="tracker", datasetGroupArn=group)
    client.create_filter(name="filter", datasetGroupArn=group, filterExpression="INCLUDE ItemID")
    made = {
        "describe_solution": {"solutionArn": service.arn("solution/solution")},
        "describe_event_tracker": {"eventTrackerArn": service.arn("event-tracker/tracker")},
        "describe_filter": {"filterArn": service.arn("filter/filter")},
    }
    for describe, arns in made.items():
        settled(lambda: getattr(client, describe)(**arns))  # noqa: B023
    second = refused(service, "create_event_tracker", name="second", datasetGroupArn=group)
    assert second[0] == "ResourceAlreadyExistsException"
    client.delete_dataset(datasetArn=dataset)
    service.wait_until_gone("describe_dataset", datasetArn=dataset)
    assert client.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"] == []
    message = refused(service, "delete_dataset_group", datasetGroupArn=group)[1]
    for describe, arns in made.items():
        assert next(iter(arns.values())) in message
        getattr(client, describe.replace("describe", "delete"))(**arns)
        service.wait_until_gone(describe, **arns)
    client.delete_dataset_group(datasetGroupArn=group)
    service.wait_until_gone("describe_dataset_group", datasetGroupArn=group)
