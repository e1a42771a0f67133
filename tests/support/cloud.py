"""One account of the embedded AWS, and what an event platform and participants do in it."""

from dataclasses import dataclass, field
from typing import Any

import boto3

from release.event_template import body
from tests.support.everything import everything
from tests.support.failing_aws import Failing
from tests.support.stack import LITTLE, created, delete, update, with_volume

Template = dict[str, Any]
DATABASE, WORKGROUP = "segment_personalize", "segment-personalize"


@dataclass(frozen=True)
class Cloud:
    """One account of the embedded AWS, and what an event platform does in it."""

    server: Failing
    session: boto3.Session
    account: str
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        return f"personalize-data-{self.account}"

    def client(self, service: Any) -> Any:
        if service not in self.clients:
            self.clients[service] = self.session.client(service)
        return self.clients[service]

    def create(self, template: Template, stack: str = "Event", **parameters: str) -> str:
        """Create the stack and return the status that it ends in."""
        blank = {"BucketSuffix": "", "SegmentWorkspaceId": ""}  # as a platform passes them
        given = {**blank, **parameters}
        platform = f"arn:aws:iam::{self.account}:role/event-platform"
        return created(self.session, text_of(template), stack, given, RoleARN=platform)

    def update(self, template: Template, stack: str = "Event", **parameters: str) -> str:
        """Update the stack and return the status that it ends in; parameters stay or are given."""
        return update(self.session, text_of(template), stack, **parameters)

    def delete(self, stack: str = "Event") -> str:
        """Delete the stack and return the status that it ends in."""
        return delete(self.session, stack)

    def failures(self, stack: str = "Event") -> dict[str, str]:
        """Which resource failed, and the reason that CloudFormation shows."""
        pages = self.client("cloudformation").get_paginator("describe_stack_events")
        return {
            event["LogicalResourceId"]: event.get("ResourceStatusReason", "")
            for page in pages.paginate(StackName=stack)
            for event in page["StackEvents"]
            if event["ResourceStatus"] in {"CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"}
        }

    def left(self) -> list[str]:
        """Everything that is in the account."""
        return everything(self.session)

    def put(self, key: str, body: bytes = b"x") -> None:
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> str:
        body = self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"]
        return str(body.read().decode())

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in found for entry in page.get("Contents", [])]

    def queries(self) -> dict[str, str]:
        """The saved queries of the workgroup, by name."""
        athena = self.client("athena")
        ids = [
            query_id
            for page in athena.get_paginator("list_named_queries").paginate(WorkGroup=WORKGROUP)
            for query_id in page["NamedQueryIds"]
        ]
        found = [athena.get_named_query(NamedQueryId=query_id)["NamedQuery"] for query_id in ids]
        queries = {query["Name"]: query["QueryString"] for query in found}
        assert len(queries) == len(found), "an update left a query that it replaced"
        return queries

    def participate(self) -> None:
        """Leave behind what participants leave behind."""
        s3, glue, athena = self.client("s3"), self.client("glue"), self.client("athena")
        self.put("notes/mine.txt", b"one")
        self.put("notes/mine.txt", b"two")
        self.put("notes/gone.txt")
        s3.delete_object(Bucket=self.bucket, Key="notes/gone.txt")
        s3.create_multipart_upload(Bucket=self.bucket, Key="notes/unfinished")
        for name, kind in (("my_table", "EXTERNAL_TABLE"), ("my_view", "VIRTUAL_VIEW")):
            table = {
                "Name": name,
                "TableType": kind,
                "ViewOriginalText": "SELECT 1",
                "StorageDescriptor": {
                    "Columns": [{"Name": "line", "Type": "string"}],
                    "Location": f"s3://{self.bucket}/notes/",
                },
            }
            glue.create_table(DatabaseName=DATABASE, TableInput=table)
        athena.create_named_query(
            Name="mine", Database=DATABASE, QueryString="SELECT 42", WorkGroup=WORKGROUP
        )
        for sql in ("SELECT count(*) FROM segment_logs", "SELECT 1"):  # history; one may run still
            athena.start_query_execution(
                QueryString=sql,
                WorkGroup=WORKGROUP,
                QueryExecutionContext={"Database": DATABASE},
            )

    def work_is_there(self) -> None:
        """What `participate` left is as it was."""
        assert self.get("notes/mine.txt") == "two"
        assert self.queries()["mine"] == "SELECT 42"
        tables = self.client("glue").get_tables(DatabaseName=DATABASE)["TableList"]
        assert {"my_table", "my_view"} <= {table["Name"] for table in tables}


def text_of(template: Template) -> str:
    """The template's text, with few sample logs for each day."""
    return with_volume(body(template).decode(), LITTLE)
