"""Corrects MiniStack's IAM evaluation where it is not AWS's."""

import json
from typing import Any


def install() -> None:
    """Let policies for CloudWatch Logs name a log group as AWS has it: with a trailing `:*`.

    AWS evaluates these calls on `...:log-group:<name>:log-stream:<stream or nothing>`; MiniStack
    leaves the last two parts out, so that the ARN which CloudFormation gives for a group, and
    which is right in a policy on AWS, allows nothing.
    Source: docs.aws.amazon.com, CloudWatch Logs API reference, LogGroup, `arn`.
    """
    from ministack.core import iam_actions

    resource_of = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any, **more: Any
    ) -> str:
        arn = str(resource_of(service, method, path, headers, body, *rest, **more))
        if service == "logs" and arn.count(":") == _COLONS_IN_LOG_GROUP_ARN:
            stream = json.loads(body or b"{}").get("logStreamName", "")
            return f"{arn}:log-stream:{stream}"
        return arn

    iam_actions.extract_resource_arn = extract_resource_arn


_COLONS_IN_LOG_GROUP_ARN = 6  # arn:aws:logs:<region>:<account>:log-group:<name>
