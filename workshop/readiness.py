"""Is an environment ready for its participants: the check of one account, and of each of many."""

from collections.abc import Callable

from botocore.exceptions import ClientError

from workshop import causes, job_definition, queries
from workshop.account import Account
from workshop.checks import Check
from workshop.environment import Environment, bucket_and_key, resources

_REPAIR = "Part of the stack was removed by hand: delete the stack and deploy it again"
_NOT_OURS = {"301", "400", "403"}  # what S3 says of somebody else's bucket, or of an impossible key
# What S3, Glue and Athena say of what is not there.
_GONE = {"404", "NoSuchBucket", "EntityNotFoundException", "InvalidRequestException"}


def check(account: Account, environment: Environment) -> list[Check]:
    """Look at everything that the lesson needs, without running anything.

    Raises:
        ClientError: access is denied, or calls are throttled.
    """
    made = resources(account, environment)

    def held(rule: str, look: Callable[[], list[str]], found: str, advice: str = _REPAIR) -> Check:
        """Report everything that `look` finds missing."""
        try:
            missing = look()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            missing = [f"{error.operation_name} says {error.response['Error']['Message']}"]
        return Check(rule, not missing, "; ".join(missing) or found, advice)

    tables, saved = made["AWS::Glue::Table"], made[queries.NAMED_QUERY]
    logs, are_expected = environment.logs, environment.sample_data or environment.existing_logs
    return [
        Check("Stack", passed=True, found=f"{environment.stack} is {environment.status}"),
        held(
            "Logs",
            lambda: [f"none in {logs}"] if are_expected and not _has_logs(account, logs) else [],
            f"{'present' if are_expected else 'expected from Segment'} in {logs}",
            "Correct the parameter ExistingLogs: its logs are never written here"
            if environment.existing_logs
            else "Write them again: workshop seed",
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
            lambda: _queries(account, environment, {*saved.values()}),
            f"{len(saved)} in {environment.workgroup}",
        ),
        held("Job", lambda: _job(account, environment), f"{environment.job} and its script"),
        *([] if account.embedded else [_lake_formation(account)]),
    ]


def _lake_formation(account: Account) -> Check:
    """Whether participants may read new tables; who deployed them may in any case.

    Source: AWS Lake Formation Developer Guide, "Changing the default settings for your data lake".
    """
    advice = "Allow IAM access control in Lake Formation's Data Catalog settings, and deploy again"
    try:
        settings = account.session.client("lakeformation").get_data_lake_settings()
    except ClientError as error:
        if causes.of(error) is not causes.DENIED:
            raise
        return Check("Lake Formation", passed=True, found="not allowed to look")
    missing = [
        kind
        for kind in ("Database", "Table")
        if not any(
            granted["Principal"]["DataLakePrincipalIdentifier"] == "IAM_ALLOWED_PRINCIPALS"
            for granted in settings["DataLakeSettings"].get(f"Create{kind}DefaultPermissions", [])
        )
    ]
    found = f"closes each new {' and '.join(missing)}".lower() if missing else "lets IAM decide"
    return Check("Lake Formation", not missing, found, advice)


def _has_logs(account: Account, logs: str) -> bool:
    bucket, prefix = bucket_and_key(logs)
    found = account.session.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return bool(found["KeyCount"])


def _tables(account: Account, environment: Environment) -> set[str]:
    pages = account.session.client("glue").get_paginator("get_tables")
    found = pages.paginate(DatabaseName=environment.database)
    return {table["Name"] for page in found for table in page["TableList"]}


def _queries(account: Account, environment: Environment, logical: set[str]) -> list[str]:
    """Which saved queries are missing or not as deployed."""
    found = queries.of_stack(account, environment)
    changed = [name for name, query in found.items() if query.origin == queries.CHANGED]
    return [
        *(f"no {name}" for name in sorted(logical - found.keys())),
        *(f"{name} is not as deployed" for name in sorted(changed)),
    ]


def _job(account: Account, environment: Environment) -> list[str]:
    """Find what the job lacks: itself, or a script that it can read.

    Participants may edit the job: where it looks is what one of them wrote.
    """
    location = job_definition.location(job_definition.definition(account, environment))
    unreadable = [f"no script that can be read at {location[:200]!r}"]
    bucket, key = bucket_and_key(location)
    if not (bucket and key):
        return unreadable
    try:
        account.session.client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_OURS:
            raise
        return unreadable
    return []
