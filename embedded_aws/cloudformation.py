"""Makes MiniStack's CloudFormation delete and roll back as strictly as CloudFormation does.

And it adds the resource `AWS::Athena::NamedQuery`.
"""

import contextlib
import json
import re
from typing import Any

from embedded_aws import hooks


def install() -> None:
    """Put CloudFormation's behaviour where MiniStack registers its own."""
    handlers: dict[str, Any] = hooks.cloudformation.RESOURCE_HANDLERS
    handlers["AWS::S3::Bucket"]["delete"] = _delete_bucket
    handlers["AWS::Athena::WorkGroup"]["delete"] = _delete_workgroup
    handlers["AWS::Athena::NamedQuery"] = {
        "create": _create_named_query,
        "update": _replace_named_query,
        "delete": _delete_named_query,
    }

    create = hooks.cloudformation.custom_resource_create

    def create_custom_resource(
        logical_id: str, properties: dict[str, Any], stack: str, kind: str
    ) -> tuple[str, dict[str, Any]]:
        try:
            return create(logical_id, properties, stack, kind)  # type: ignore[no-any-return]
        except Exception:
            # Its rollback asks the provider to delete what it could not make.
            with contextlib.suppress(Exception):  # what is left then blocks the bucket's deletion
                hooks.cloudformation.custom_resource_delete(
                    f"{stack}-{logical_id}", properties, stack, logical_id, kind
                )
            raise

    hooks.cloudformation.custom_resource_create = create_custom_resource


def _delete_bucket(name: str, _properties: dict[str, Any]) -> None:
    """Refuse what DeleteBucket refuses; MiniStack's own takes the objects along."""
    status, _, body = hooks.s3.delete_bucket(name)
    found = re.search(rb"<Message>(.*?)</Message>", body or b"")
    if status not in (204, 404):
        raise ValueError(found[1].decode() if found else f"DeleteBucket answered {status}")


def _delete_workgroup(name: str, properties: dict[str, Any]) -> None:
    """Take the saved queries and the history along, or refuse; MiniStack leaves them behind."""
    saved = [key for key, query in hooks.athena.named_queries.items() if query["WorkGroup"] == name]
    history = [key for key, query in hooks.athena.executions.items() if query["WorkGroup"] == name]
    if (saved or history) and not properties.get("RecursiveDeleteOption"):
        raise ValueError(f"WorkGroup {name} is not empty")
    for key in saved:
        del hooks.athena.named_queries[key]
    for key in history:
        del hooks.athena.executions[key]
    status, _, body = hooks.athena.delete_workgroup(
        {"WorkGroup": name, "RecursiveDeleteOption": True}
    )
    if status != 200:  # noqa: PLR2004
        raise ValueError(json.loads(body)["message"])


# ---- AWS::Athena::NamedQuery ----


def _create_named_query(
    _logical_id: str, properties: dict[str, Any], _stack: str
) -> tuple[str, dict[str, str]]:
    """CloudFormation's create: Ref and NamedQueryId are the id."""
    for name in ("Database", "QueryString"):
        if not properties.get(name):
            raise ValueError(f"Property validation failure: [The property {{/{name}}} is required]")
    workgroup = properties.get("WorkGroup", "primary")
    if workgroup != "primary" and workgroup not in hooks.athena.workgroups:
        raise ValueError(f"WorkGroup {workgroup} is not found.")
    _, _, body = hooks.athena.create_named_query(properties)
    query_id = json.loads(body)["NamedQueryId"]
    return query_id, {"NamedQueryId": query_id}


def _replace_named_query(
    query_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
) -> tuple[str, dict[str, str]]:
    """CloudFormation's update: every property of a named query needs a new one."""
    created = _create_named_query("", new, stack)
    hooks.cloudformation.delete_predecessor(_delete_named_query, query_id, old)
    return created


def _delete_named_query(query_id: str, _properties: dict[str, Any]) -> None:
    hooks.athena.delete_named_query({"NamedQueryId": query_id})
