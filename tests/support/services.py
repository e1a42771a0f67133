"""What CloudFormation would hand to each service, by the service's own API model in botocore."""

from typing import Any

import boto3
from botocore.validate import ParamValidator

Resources = dict[str, dict[str, Any]]


def resolved(value: Any) -> Any:  # noqa: ANN401 - a template's value is anything
    """The value with every intrinsic function replaced by a text, which is what it yields."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            return "111122223333"  # a name, and as long as an account id
        return {key: resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item) for item in value]
    return value


def properties(resources: Resources, resource_type: str) -> list[dict[str, Any]]:
    found = [resolved(r["Properties"]) for r in resources.values() if r["Type"] == resource_type]
    assert found
    return found


def accepts(service: Any, operation: str, parameters: dict[str, Any]) -> None:  # noqa: ANN401
    client = boto3.client(service, region_name="us-east-1")
    shape = client.meta.service_model.operation_model(operation).input_shape
    unknown = parameters.keys() - shape.members.keys()
    assert not unknown, f"{operation} has no {unknown}"
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()
