"""Corrects MiniStack's IAM evaluation where it is not AWS's."""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from botocore.session import Session

from embedded_aws import hooks
from embedded_aws.personalize import model as personalize

Request = Mapping[str, Any]

# The key that signed the request. There is no default: without a caller nothing is evaluated, and
# an empty key is the account's owner.
_access_key: ContextVar[str] = ContextVar("access_key")


class AccessDeniedError(Exception):
    """The caller may not do it; the text is AWS's: who, which action, on which resource."""


def require(action: str, resource: str, **context: str) -> None:
    """Evaluate what Athena calls with the rights of whoever asked it.

    Call it in the context of the request, or in a copy of it (`asyncio.to_thread` makes one).

    Args:
        action: such as `s3:GetObject`.
        resource: its ARN.
        context: condition keys of the action, such as `prefix` for `s3:prefix`.

    Raises:
        AccessDeniedError: the caller's policies do not allow it, or a policy denies it.
    """
    service = action.partition(":")[0]
    keys: dict[str, Any] = {f"{service}:{name}": value for name, value in context.items()}
    # Source: Amazon Athena User Guide, "Use CalledVia context keys for Athena".
    keys["aws:CalledVia"] = ["athena.amazonaws.com"]
    _require(action, resource, keys)


def require_pass_role(role: str, service: str) -> None:
    """Evaluate whether the caller may hand a role to a service.

    Args:
        role: its ARN.
        service: the service's principal, such as `personalize.amazonaws.com`.

    Raises:
        AccessDeniedError: as `require`.
    """
    _require("iam:PassRole", role, {"iam:PassedToService": service})


def _require(action: str, resource: str, keys: dict[str, Any]) -> None:
    if not hooks.app.AUTH:
        return
    denied = hooks.iam_evaluator.enforce(
        _access_key.get(),
        action,
        action.partition(":")[0],
        hooks.responses.get_region(),
        resource_arn=resource,
        service_context=keys,
    )
    if isinstance(denied, hooks.iam_evaluator.AuthError):
        raise AccessDeniedError(denied.message)
    if denied:
        raise AccessDeniedError(
            hooks.iam_actions.identity_denial_message(
                action, denied.principal_arn, resource, denied.decision == "Deny"
            )
        )


def install() -> None:
    """Remember who calls, and let policies name what they can name on AWS."""
    _remember_callers()
    _name_resources()
    # For a service that it does not have, MiniStack would first read every model of botocore's.
    hooks.router.KNOWN_AWS_SERVICE_NAMES = frozenset(Session().get_available_services())


def _remember_callers() -> None:
    pin = hooks.iam_evaluator.pin_request_caller

    def pin_request_caller(headers: Any, query_params: Any = None) -> None:
        pin(headers, query_params)
        _access_key.set(hooks.router.extract_access_key_id(headers, query_params or {}))

    hooks.iam_evaluator.pin_request_caller = pin_request_caller


def _name_resources() -> None:
    """Let policies name log groups, workgroups, and what is in the catalog, as AWS has them.

    AWS evaluates CloudWatch Logs calls on `...:log-group:<name>:log-stream:<stream or nothing>`;
    MiniStack leaves the last two parts out, so that the ARN which CloudFormation gives for a group,
    and which is right in a policy on AWS, allows nothing.
    Source: docs.aws.amazon.com, CloudWatch Logs API reference, LogGroup, `arn`.

    Athena calls that name a query by its id are evaluated on the query's workgroup, those that
    name a data catalog on it; Glue calls on the table, database or job that they name, and
    Personalize calls on what they name or make.
    Source: docs.aws.amazon.com, service authorization reference, of these services.

    A bucket's account is the one that it is in, not the caller's (`aws:ResourceAccount`), and a
    condition may compare with the caller's account (`${aws:PrincipalAccount}`).
    Source: IAM User Guide, "Policy variables" and "AWS global condition context keys".
    """
    resolve_key, conditions_met = (
        hooks.iam_evaluator.resolve_condition_key,
        hooks.iam_evaluator.conditions_met,
    )

    def resolve_condition_key(key: str, context: Any) -> Any:
        arn = context.resource_arn
        if key.lower() == "aws:resourceaccount" and arn.startswith(_S3):
            bucket = arn.removeprefix(_S3).partition("/")[0]
            return hooks.s3.bucket_owner_account(bucket) or context.principal_account
        return resolve_key(key, context)

    def conditions_with_variables_met(conditions: Any, context: Any) -> Any:
        text = json.dumps(conditions or {})
        given = text.replace("${aws:PrincipalAccount}", context.principal_account)
        return conditions_met(json.loads(given), context)

    hooks.iam_evaluator.resolve_condition_key = resolve_condition_key
    hooks.iam_evaluator.conditions_met = conditions_with_variables_met

    resource_of = hooks.iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any
    ) -> str:
        _parameters, region, account = rest
        arn = str(resource_of(service, method, path, headers, body, *rest))
        if service == "logs" and arn.count(":") == _COLONS_IN_LOG_GROUP_ARN:
            stream = json.loads(body or b"{}").get("logStreamName", "")
            return f"{arn}:log-stream:{stream}"
        if service in _NAMED:
            operation = headers.get("x-amz-target", "").rpartition(".")[2]
            if name := _NAMED[service](operation, json.loads(body or b"{}")):
                return name if name == "*" else f"arn:aws:{service}:{region}:{account}:{name}"
        return arn

    hooks.iam_actions.extract_resource_arn = extract_resource_arn


_S3 = "arn:aws:s3:::"
_COLONS_IN_LOG_GROUP_ARN = 6  # arn:aws:logs:<region>:<account>:log-group:<name>


def _in_athena(operation: str, request: Request) -> str | None:
    """What a call of Athena is evaluated on; of several queries, the first one's workgroup."""
    if operation == "GetDataCatalog":
        return f"datacatalog/{request['Name']}"
    if "CatalogName" in request:
        return f"datacatalog/{request['CatalogName']}"
    for field, queries in (
        ("NamedQueryId", hooks.athena.named_queries),
        ("QueryExecutionId", hooks.athena.executions),
    ):
        for query_id in (request.get(field), *request.get(f"{field}s", ())):
            if query_id in queries:
                return f"workgroup/{queries[query_id]['WorkGroup']}"
    return None


def _in_glue(operation: str, request: Request) -> str | None:
    """What a call of Glue is evaluated on: the table, else the database, or the job."""
    if operation == "GetJobs":
        return "*"
    of_a_database = operation in {"GetDatabase", "UpdateDatabase", "DeleteDatabase"}
    database = request["Name"] if of_a_database else request.get("DatabaseName")
    database = request.get("DatabaseInput", {}).get("Name", database)
    if database:
        named = request.get("TableName") or request.get("TableInput", {}).get("Name")
        table = named or (None if of_a_database else request.get("Name"))
        if operation == "GetTables":
            table = "*"
        return f"table/{database}/{table}" if table else f"database/{database}"
    jobs = [request["JobName"]] if "JobName" in request else request.get("JobNames")
    return f"job/{jobs[0]}" if jobs else None


_NAMED = {"athena": _in_athena, "glue": _in_glue, "personalize": personalize.resource}
