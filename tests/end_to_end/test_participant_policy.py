"""The participants' policy, embedded: the exercise goes through, the environment stays."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stacks.event_template import body
from tests.end_to_end.conftest import free_port, owner_of
from tests.end_to_end.participant import (
    BUCKET,
    DATABASE,
    JOB,
    STACK,
    WORKGROUP,
    Client,
    clients,
    do_the_exercise,
    participant,
)
from tests.infrastructure.conftest import event_template
from workshop.local.server import EmbeddedAws

Cloud = tuple[Client, Client]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The clients of the account's owner and of a participant; the stack is there."""
    with owner_of(EmbeddedAws(tmp_path_factory.mktemp("aws"), free_port())) as owner:
        owner.client("cloudformation").create_stack(
            StackName=STACK,
            TemplateBody=body(event_template()).decode(),
            Capabilities=["CAPABILITY_IAM"],
        )
        owner.client("cloudformation").get_waiter("stack_create_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1}
        )
        yield clients(owner), participant(owner)


def test_the_exercise_goes_through(cloud: Cloud) -> None:
    """Else a hundred people read AccessDenied at the first step."""
    _, client = cloud
    do_the_exercise(client)


def test_nothing_breaks_the_environment(cloud: Cloud) -> None:
    """Else one participant's click costs a table of ten their environment."""
    owner, client = cloud
    roles = {role["RoleName"] for role in owner("iam").list_roles()["Roles"]}
    (etl_role,) = (role for role in roles if "-EtlRole-" in role)
    athena, glue, s3, logs = (client(name) for name in ("athena", "glue", "s3", "logs"))
    query_id = owner("athena").list_named_queries(WorkGroup=WORKGROUP)["NamedQueryIds"][0]
    log = owner("s3").list_objects_v2(Bucket=BUCKET, Prefix="segment-logs/")["Contents"][0]["Key"]
    attempts: list[Callable[[], Any]] = [
        lambda: client("cloudformation").delete_stack(StackName=STACK),
        lambda: s3.delete_bucket(Bucket=BUCKET),
        lambda: s3.delete_object(Bucket=BUCKET, Key=log),
        lambda: s3.put_object(Bucket=BUCKET, Key=log, Body=b""),
        lambda: s3.put_object(Bucket=BUCKET, Key="transformed/other.csv", Body=b""),
        lambda: s3.put_bucket_policy(Bucket=BUCKET, Policy="{}"),
        lambda: glue.delete_job(JobName=JOB),
        lambda: glue.delete_table(DatabaseName=DATABASE, Name="segment_logs"),
        lambda: glue.update_table(DatabaseName=DATABASE, TableInput={"Name": "segment_logs"}),
        lambda: glue.delete_database(Name=DATABASE),
        lambda: athena.delete_work_group(WorkGroup=WORKGROUP, RecursiveDeleteOption=True),
        lambda: athena.delete_named_query(NamedQueryId=query_id),
        lambda: logs.delete_log_group(logGroupName=f"/aws-glue/{JOB}/output"),
        lambda: client("iam").delete_role(RoleName=etl_role),
        lambda: client("iam").create_user(UserName="another"),
        lambda: client("lambda").list_functions(),
    ]
    for attempt in attempts:
        with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
            attempt()
