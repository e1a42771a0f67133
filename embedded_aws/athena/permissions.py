"""What Athena does with the rights of whoever asks it: in the Glue catalog and on S3.

Athena calls Glue and S3 as the caller of StartQueryExecution: a query fails where they may not do
what it needs. Sources: Amazon Athena User Guide, "Configure access to databases and tables in the
AWS Glue Data Catalog" (the actions of each statement, and the resources of each action), "Access to
Amazon S3", and awsdocs/amazon-athena-user-guide, issue 81, for what a refused statement says.
"""

from collections.abc import Iterable

from embedded_aws import hooks
from embedded_aws.athena.errors import QueryFailedError
from embedded_aws.iam import AccessDeniedError, require

_S3_DENIED = "Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied)"


def check_select(database: str, table: str) -> None:
    """Check the rights in the catalog that reading a table needs.

    Raises:
        QueryFailedError: the caller may not see the table. Source of the text: Amazon S3 User
            Guide, "Querying Amazon S3 tables with Athena"; getredash/website, issue 54.
    """
    try:
        _require_in_catalog(["GetDatabase"], database)
        _require_in_catalog(["GetTable"], database, table)
    except AccessDeniedError as error:
        raise QueryFailedError(f"Insufficient permissions to execute the query. {error}") from error


def check_statement(
    actions: Iterable[str], database: str | None = None, table: str | None = None
) -> None:
    """Check the rights in the catalog that a DDL, SHOW or DESCRIBE statement needs.

    Args:
        actions: of Glue, such as `DeleteTable`.
        database: what they are done to, `*` for all; None for the catalog as a whole.
        table: likewise, in the database.

    Raises:
        QueryFailedError: the caller may not do it.
    """
    try:
        _require_in_catalog(actions, database, table)
    except AccessDeniedError as error:
        raise _refused(
            f"{error} (Service: AmazonDataCatalog; Status Code: 400; "
            "Error Code: AccessDeniedException)"
        ) from error


def _refused(message: str) -> QueryFailedError:
    return QueryFailedError(
        "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
        f"MetaException(message:{message})"
    )


def _require_in_catalog(
    actions: Iterable[str], database: str | None = None, table: str | None = None
) -> None:
    """Require actions on a resource and on all that it is in; every query looks at `default`."""
    names = ["catalog"]
    names += [f"database/{database}"] if database else []
    names += [f"table/{database}/{table}"] if table else []
    requests = [("GetDatabase", "catalog"), ("GetDatabase", "database/default")]
    requests += [(action, name) for action in actions for name in names]
    region, account = hooks.responses.get_region(), hooks.responses.get_account_id()
    catalog = f"arn:aws:glue:{region}:{account}"
    for action, name in requests:
        require(f"glue:{action}", f"{catalog}:{name}")


def check_location(bucket: str, prefix: str) -> None:
    """Check that the caller may list a new table's location.

    Raises:
        QueryFailedError: they may not.
    """
    refusal = _refused(f"Got exception: java.io.IOException {_S3_DENIED}")
    _require_on_s3("ListBucket", bucket, refusal, prefix=prefix)


def check_listing(bucket: str, prefix: str) -> None:
    """Check that the caller may list the objects of a table.

    Raises:
        QueryFailedError: they may not. Source of the text: ghdna/athena-express, issue 85.
    """
    refusal = QueryFailedError(f"Permission denied on S3 path: s3://{bucket}/{prefix}")
    _require_on_s3("ListBucket", bucket, refusal, prefix=prefix)


def check_object(bucket: str, key: str) -> None:
    """Check that the caller may read an object of a table.

    Raises:
        QueryFailedError: they may not. Source of the text: AWS re:Post, "Why do I get an Access
            Denied error when I run a query in Athena?"
    """
    reason = f"PERMISSION_DENIED: {_S3_DENIED} (Path: s3://{bucket}/{key})"
    _require_on_s3("GetObject", f"{bucket}/{key}", QueryFailedError(reason))


def check_output(bucket: str, key: str) -> None:
    """Check that the caller may write the result.

    Raises:
        QueryFailedError: they may not. Source of the text: as in `check_object`.
    """
    reason = (
        f"Access denied when writing output to url: s3://{bucket}/{key} . Please ensure you "
        "are allowed to access the S3 bucket. If you are encrypting query results with KMS "
        "key, please ensure you are allowed to access your KMS key"
    )
    _require_on_s3("PutObject", f"{bucket}/{key}", QueryFailedError(reason))


def _require_on_s3(action: str, resource: str, refusal: QueryFailedError, **context: str) -> None:
    """Require an action on a bucket or an object, or refuse in Athena's words."""
    try:
        require(f"s3:{action}", f"arn:aws:s3:::{resource}", **context)
    except AccessDeniedError as error:
        raise refusal from error
