"""The participants' policy on the embedded AWS: the exercise goes through, the environment stays.

A user who has nothing but the policy of the package calls what the console calls for them.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stacks.event_package import PLATFORM
from stacks.event_template import body
from tests.end_to_end.conftest import free_port, owner_of
from tests.guide import blocks
from tests.infrastructure.conftest import event_template
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION
from workshop.local.server import EmbeddedAws

STACK, BUCKET = "Event", f"personalize-data-{EMBEDDED_ACCOUNT}"
DATABASE, JOB, WORKGROUP = "segment_personalize", "SegmentEventsJsonToCsv", "segment-personalize"
SCRIPT = "scripts/segment_events_to_csv.py"
RESULTS = f"s3://{BUCKET}/athena-results/"
Client = Callable[[str], Any]
Cloud = tuple[Client, Client]


def clients(session: boto3.Session) -> Client:
    def client(service: Any) -> Any:  # noqa: ANN401 - boto3's own
        return session.client(service)

    return client


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
        iam = owner.client("iam")
        iam.create_user(UserName="participant")
        policy = (PLATFORM / "participant-policy.json").read_text(encoding="utf-8")
        iam.put_user_policy(UserName="participant", PolicyName="all", PolicyDocument=policy)
        key = iam.create_access_key(UserName="participant")["AccessKey"]
        session = boto3.Session(
            key["AccessKeyId"], key["SecretAccessKey"], region_name=EMBEDDED_REGION
        )
        yield clients(owner), clients(session)


def ask(athena: Any, sql: str, database: str = DATABASE) -> list[Any]:  # noqa: ANN401 - boto3's
    """Run a statement as the query editor does; return its rows."""
    query_id = athena.start_query_execution(
        QueryString=sql, WorkGroup=WORKGROUP, QueryExecutionContext={"Database": database}
    )["QueryExecutionId"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]
        if status["State"] not in {"QUEUED", "RUNNING"}:
            assert status["State"] == "SUCCEEDED", status
            rows = athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
            return list(rows)
        time.sleep(0.1)
    raise TimeoutError(sql)


def test_the_exercise_goes_through(cloud: Cloud) -> None:
    """Else a hundred people read AccessDenied at the first step."""
    _, client = cloud
    outputs = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    assert outputs
    athena, glue, s3 = client("athena"), client("glue"), client("s3")
    assert athena.list_work_groups()["WorkGroups"]
    assert athena.get_work_group(WorkGroup=WORKGROUP)
    ids = athena.list_named_queries(WorkGroup=WORKGROUP)["NamedQueryIds"]
    saved = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    for query in sorted(saved, key=lambda query: str(query["Name"])):
        ask(athena, query["QueryString"], query["Database"])
    for sql in blocks("sql"):  # the guide's own, which cleans up after queries 04 and 05
        ask(athena, sql, "default")
    mine = {"Name": "mine", "Database": DATABASE, "QueryString": "SELECT 1"}
    assert athena.create_named_query(**mine, WorkGroup=WORKGROUP)
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="segment-logs/")["KeyCount"]
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="athena-results/")["KeyCount"]
    assert glue.get_tables(DatabaseName=DATABASE)["TableList"]

    job = glue.get_job(JobName=JOB)["Job"]
    script = s3.get_object(Bucket=BUCKET, Key=SCRIPT)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=SCRIPT, Body=b"# mine\n" + script)
    kept = ("Role", "Command", "DefaultArguments", "GlueVersion", "Timeout")
    glue.update_job(JobName=JOB, JobUpdate={name: job[name] for name in kept})
    run = glue.start_job_run(JobName=JOB)["JobRunId"]
    assert glue.get_job_run(JobName=JOB, RunId=run)["JobRun"]
    glue.batch_stop_job_run(JobName=JOB, JobRunIds=[run])
    logs = client("logs")
    group = f"/aws-glue/{JOB}/output"
    assert logs.describe_log_streams(logGroupName=group)["logStreams"] is not None
    assert logs.filter_log_events(logGroupName=group)["events"] is not None


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
