"""Everything in an account of the embedded AWS, where nobody has anything but the tests."""

from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError

from workshop.deployment import BOOTSTRAP_STACK


def everything(session: boto3.Session) -> list[str]:
    """List what is in an account, sorted, without the CDK's bootstrap and the organizer's role."""
    own = {"primary", "OrganizationAccountAccessRole", BOOTSTRAP_STACK, *_bootstrapped(session)}
    return sorted({f"{kind} {name}" for kind, name in _items(session) if name not in own})


def _items(session: boto3.Session) -> Iterator[tuple[str, str]]:
    for kind, service, operation, key, name in (
        ("CloudFormation stack", "cloudformation", "describe_stacks", "Stacks", "StackName"),
        ("Glue database", "glue", "get_databases", "DatabaseList", "Name"),
        ("Glue job", "glue", "get_jobs", "Jobs", "Name"),
        ("Lambda function", "lambda", "list_functions", "Functions", "FunctionName"),
        ("IAM role", "iam", "list_roles", "Roles", "RoleName"),
        ("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
        ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        ("dataset group", "personalize", "list_dataset_groups", "datasetGroups", "name"),
        ("schema", "personalize", "list_schemas", "schemas", "name"),
    ):
        yield from ((kind, found) for found in _names(session, service, operation, key, name))
    for policy in _names(session, "iam", "list_policies", "Policies", "PolicyName", Scope="Local"):
        yield "IAM policy", policy
    for bucket in session.client("s3").list_buckets()["Buckets"]:
        yield "S3 bucket", bucket["Name"]
    athena = session.client("athena")
    for group in athena.list_work_groups()["WorkGroups"]:
        yield "Athena workgroup", group["Name"]
        saved = athena.list_named_queries(WorkGroup=group["Name"])["NamedQueryIds"]
        yield from (("Athena saved query", query) for query in saved)


def _names(
    session: boto3.Session, service: Any, operation: str, key: str, name: str, **arguments: str
) -> Iterator[str]:
    for page in session.client(service).get_paginator(operation).paginate(**arguments):
        yield from (entry[name] for entry in page[key])


def _bootstrapped(session: boto3.Session) -> set[str]:
    """The names of what the CDK's bootstrap has made."""
    client = session.client("cloudformation")
    try:
        made = client.describe_stack_resources(StackName=BOOTSTRAP_STACK)["StackResources"]
    except ClientError:
        return set()
    return {one["PhysicalResourceId"].rsplit("/", 1)[-1] for one in made}
