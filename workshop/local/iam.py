"""Corrects MiniStack's IAM evaluation where it is not AWS's."""

import contextlib
import json
from typing import Any


def install() -> None:
    """Let policies name log groups, workgroups and metrics' namespaces as AWS has them.

    AWS evaluates CloudWatch Logs calls on `...:log-group:<name>:log-stream:<stream or nothing>`;
    MiniStack leaves the last two parts out, so that the ARN which CloudFormation gives for a group,
    and which is right in a policy on AWS, allows nothing.
    Source: docs.aws.amazon.com, CloudWatch Logs API reference, LogGroup, `arn`.

    Athena calls that name a query by its id are evaluated on the query's workgroup.
    Source: docs.aws.amazon.com, service authorization reference, Amazon Athena.

    PutMetricData has the condition key cloudwatch:namespace.
    Source: docs.aws.amazon.com, service authorization reference, Amazon CloudWatch.
    """
    from ministack.core import iam_actions

    resource_of = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any
    ) -> str:
        _parameters, region, account = rest
        arn = str(resource_of(service, method, path, headers, body, *rest))
        if service == "logs" and arn.count(":") == _COLONS_IN_LOG_GROUP_ARN:
            stream = json.loads(body or b"{}").get("logStreamName", "")
            return f"{arn}:log-stream:{stream}"
        if service == "athena" and arn == "*" and (workgroup := _workgroup(body)):
            return f"arn:aws:athena:{region}:{account}:workgroup/{workgroup}"
        return arn

    tags_of = iam_actions.request_tag_context

    def request_context(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
        context: dict[str, Any] = tags_of(service, action, body, params)
        if action == "cloudwatch:PutMetricData" and (namespace := _namespace(body)):
            context["cloudwatch:namespace"] = namespace
        return context

    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.request_tag_context = request_context


_COLONS_IN_LOG_GROUP_ARN = 6  # arn:aws:logs:<region>:<account>:log-group:<name>


def _workgroup(body: bytes) -> str | None:
    """The workgroup of the queries that a request names by their ids; of the first, if several."""
    from ministack.services import athena

    request = json.loads(body or b"{}")
    for field, queries in (
        ("NamedQueryId", athena._named_queries),
        ("QueryExecutionId", athena._executions),
    ):
        for query_id in (request.get(field), *request.get(f"{field}s", ())):
            if query_id in queries:
                return str(queries[query_id]["WorkGroup"])
    return None


def _namespace(body: bytes) -> str | None:
    """The namespace of the metrics in a request of the JSON protocol, which boto3 uses here."""
    with contextlib.suppress(ValueError, KeyError):
        return str(json.loads(body)["Namespace"])
    return None
