"""Is an environment ready for its participants: the check of one account, and of each of many."""

from collections import defaultdict
from collections.abc import Callable

from botocore.exceptions import ClientError

from workshop import seeding
from workshop.account import Account
from workshop.environment import Environment
from workshop.verification import Check

_REPAIR = "Delete the stack and deploy it again: something of it was removed by hand"
# What S3, Glue and Athena say of what is not there.
_GONE = {"404", "NoSuchBucket", "EntityNotFoundException", "InvalidRequestException"}


def check(account: Account, environment: Environment) -> list[Check]:
    """Look at everything that the lesson needs, without running anything.

    Raises:
        ClientError: access is denied, or calls are throttled.
    """
    made = _made(account, environment)

    def held(rule: str, look: Callable[[], list[str]], found: str, advice: str = _REPAIR) -> Check:
        """Hold what is missing, by `look`, against the rule that nothing is."""
        try:
            missing = look()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            missing = [f"{error.operation_name} says {error.response['Error']['Message']}"]
        return Check(rule, not missing, "; ".join(missing) or found, advice)

    tables, queries = made["AWS::Glue::Table"], made["AWS::Athena::NamedQuery"]
    logs = f"s3://{environment.bucket}/{seeding.PREFIX}"
    return [
        Check(
            "Stack", passed=True, found=f"{environment.stack} is {environment.status}", advice=""
        ),
        held(
            "Sample logs",
            lambda: [] if _has_logs(account, environment) else [f"none in {logs}"],
            f"present in {logs}",
            "Write them again: python -m workshop seed",
        ),
        held(
            "Tables",
            lambda: [
                f"no {name}" for name in sorted(tables.keys() - _tables(account, environment))
            ],
            f"{len(tables)} in {environment.database}",
        ),
        held(
            "Saved queries",
            lambda: [f"no {queries[i]}" for i in queries.keys() - _queries(account, environment)],
            f"{len(queries)} in {environment.workgroup}",
        ),
        held("Job", lambda: _job(account, environment), f"{environment.job} and its script"),
    ]


def _made(account: Account, environment: Environment) -> dict[str, dict[str, str]]:
    """What the stack made: by its type, the logical id of each physical id."""
    pages = account.session.client("cloudformation").get_paginator("list_stack_resources")
    made = defaultdict[str, dict[str, str]](dict)
    for page in pages.paginate(StackName=environment.stack_id):
        for one in page["StackResourceSummaries"]:
            if not one["ResourceStatus"].startswith("DELETE_"):
                made[one["ResourceType"]][one["PhysicalResourceId"]] = one["LogicalResourceId"]
    return made


def _has_logs(account: Account, environment: Environment) -> bool:
    found = account.session.client("s3").list_objects_v2(
        Bucket=environment.bucket, Prefix=seeding.PREFIX, MaxKeys=1
    )
    return bool(found["KeyCount"])


def _tables(account: Account, environment: Environment) -> set[str]:
    pages = account.session.client("glue").get_paginator("get_tables")
    found = pages.paginate(DatabaseName=environment.database)
    return {table["Name"] for page in found for table in page["TableList"]}


def _queries(account: Account, environment: Environment) -> set[str]:
    pages = account.session.client("athena").get_paginator("list_named_queries")
    found = pages.paginate(WorkGroup=environment.workgroup)
    return {query_id for page in found for query_id in page["NamedQueryIds"]}


def _job(account: Account, environment: Environment) -> list[str]:
    """Nothing, where the job is there and its script where it looks for it."""
    job = account.session.client("glue").get_job(JobName=environment.job)["Job"]
    bucket, _, key = job["Command"]["ScriptLocation"].removeprefix("s3://").partition("/")
    account.session.client("s3").head_object(Bucket=bucket, Key=key)
    return []
