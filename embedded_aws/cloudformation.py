"""Makes MiniStack's CloudFormation delete and roll back as strictly as CloudFormation does."""

import contextlib
import json
import re
from typing import Any


def install() -> None:
    """Put CloudFormation's behaviour where MiniStack registers its own."""
    from ministack.services.cloudformation import provisioners

    deletions: dict[str, Any] = provisioners._RESOURCE_HANDLERS
    deletions["AWS::S3::Bucket"]["delete"] = _delete_bucket
    deletions["AWS::Athena::WorkGroup"]["delete"] = _delete_workgroup

    create = provisioners._custom_resource_create

    def create_custom_resource(
        logical_id: str, properties: dict[str, Any], stack: str, kind: str
    ) -> tuple[str, dict[str, Any]]:
        try:
            return create(logical_id, properties, stack, kind)  # type: ignore[no-any-return]
        except Exception:
            # Its rollback asks the provider to delete what it could not make.
            with contextlib.suppress(Exception):  # what is left then blocks the bucket's deletion
                provisioners._custom_resource_delete(
                    f"{stack}-{logical_id}", properties, stack, logical_id, kind
                )
            raise

    provisioners._custom_resource_create = create_custom_resource


def _delete_bucket(name: str, _properties: dict[str, Any]) -> None:
    """Refuse what DeleteBucket refuses; MiniStack's own takes the objects along."""
    from ministack.services import s3

    status, _, body = s3._delete_bucket(name)
    found = re.search(rb"<Message>(.*?)</Message>", body or b"")
    if status not in (204, 404):
        raise ValueError(found[1].decode() if found else f"DeleteBucket answered {status}")


def _delete_workgroup(name: str, properties: dict[str, Any]) -> None:
    """Take the saved queries and the history along, or refuse; MiniStack leaves them behind."""
    from ministack.services import athena

    saved = [key for key, query in athena._named_queries.items() if query["WorkGroup"] == name]
    history = [key for key, query in athena._executions.items() if query["WorkGroup"] == name]
    if (saved or history) and not properties.get("RecursiveDeleteOption"):
        raise ValueError(f"WorkGroup {name} is not empty")
    for key in saved:
        del athena._named_queries[key]
    for key in history:
        del athena._executions[key]
    status, _, body = athena._delete_workgroup({"WorkGroup": name, "RecursiveDeleteOption": True})
    if status != 200:  # noqa: PLR2004
        raise ValueError(json.loads(body)["message"])
