"""A participant: a role that has nothing but the package's policy, and calls what the console does.

What Athena does for them with their rights, in the catalog and on S3, is evaluated too. What the
embedded AWS has no operation for is in NOT_CALLED of `tests/security/test_least_privilege.py`.
"""

from collections.abc import Callable
from typing import Any

import boto3

from release.event_package import PLATFORM
from stacks.bucket_contents.handler import READY_MADE
from stacks.outputs import BUCKET as BUCKET_OUTPUT
from tests.support.guide import blocks
from tests.support.policies import assume, trust
from tests.support.stack import STACK
from tests.support.waiting import until
from workshop.account import EMBEDDED_ACCOUNT

BUCKET = f"personalize-data-{EMBEDDED_ACCOUNT}"
DATABASE, JOB, WORKGROUP = "segment_personalize", "SegmentEventsJsonToCsv", "segment-personalize"
SCRIPT = "scripts/segment_events_to_csv.py"
CATALOG = "AwsDataCatalog"
POLICY = PLATFORM / "participant-policy.json"
Client = Callable[[str], Any]


def clients(session: boto3.Session) -> Client:
    """The clients of a session by the services' names."""

    def client(service: Any) -> Any:
        return session.client(service)

    return client


def participant(owner: boto3.Session) -> Client:
    """Make the role, with the policy as it is in the package, and assume it."""
    iam, sts = owner.client("iam"), owner.client("sts")
    me = sts.get_caller_identity()["Account"]
    role = iam.create_role(RoleName="participant", AssumeRolePolicyDocument=trust(AWS=me))["Role"]
    policy = POLICY.read_text(encoding="utf-8")
    iam.put_role_policy(RoleName="participant", PolicyName="all", PolicyDocument=policy)
    return clients(assume(owner, role["Arn"]))


def ask(athena: Any, sql: str, database: str = DATABASE) -> str:
    """Run a statement to its end as the query editor does; return its id."""
    execution = ended(athena, sql, QueryExecutionContext={"Database": database})
    assert execution["Status"]["State"] == "SUCCEEDED", execution
    query_id = str(execution["QueryExecutionId"])
    assert athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]
    return query_id


def ended(athena: Any, sql: str, **request: Any) -> Any:
    """Run a statement to its end; return its execution."""
    query_id = athena.start_query_execution(
        **{"QueryString": sql, "WorkGroup": WORKGROUP, **request}
    )["QueryExecutionId"]

    def look() -> Any:
        execution = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        return None if execution["Status"]["State"] in {"QUEUED", "RUNNING"} else execution

    return until(look)


def do_the_exercise(client: Client) -> None:
    """Go through the guide's steps, as the console's pages do."""
    bucket = find_the_way(client)
    explore(client("athena"), client("glue"), bucket)
    go_on_without_the_job(client("s3"), bucket)
    read_and_run_the_job(client, bucket)


def find_the_way(client: Client) -> str:
    """From the stack's outputs to bucket, catalog and job; return the bucket's name."""
    cloudformation, s3, glue = client("cloudformation"), client("s3"), client("glue")
    assert cloudformation.list_stacks()["StackSummaries"]
    outputs = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    (bucket,) = (o["OutputValue"] for o in outputs if o["OutputKey"] == BUCKET_OUTPUT)
    assert s3.list_buckets()["Buckets"]
    s3.get_bucket_location(Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket, Delimiter="/")["CommonPrefixes"]
    logs = s3.list_objects_v2(Bucket=bucket, Prefix="segment-logs/")["Contents"]
    assert s3.get_object(Bucket=bucket, Key=logs[0]["Key"])["Body"].read()
    assert glue.get_databases()["DatabaseList"]
    assert glue.get_database(Name=DATABASE)["Database"]
    assert glue.get_tables(DatabaseName=DATABASE)["TableList"]
    table = {"DatabaseName": DATABASE, "Name": "segment_logs"}
    assert glue.get_table(**table)["Table"]
    glue.get_partitions(DatabaseName=DATABASE, TableName="segment_logs")
    return str(bucket)


def explore(athena: Any, glue: Any, bucket: str) -> None:
    """Athena's pages: every saved query, one of one's own, a view, what has been asked."""
    assert athena.list_data_catalogs()["DataCatalogsSummary"]
    assert athena.get_data_catalog(Name=CATALOG)
    assert athena.list_databases(CatalogName=CATALOG)["DatabaseList"]
    assert athena.get_database(CatalogName=CATALOG, DatabaseName=DATABASE)
    assert athena.list_table_metadata(CatalogName=CATALOG, DatabaseName=DATABASE)
    of_the_logs = {"DatabaseName": DATABASE, "TableName": "segment_logs"}
    assert athena.get_table_metadata(CatalogName=CATALOG, **of_the_logs)
    assert athena.list_work_groups()["WorkGroups"]
    assert athena.get_work_group(WorkGroup=WORKGROUP)
    glue.create_database(DatabaseInput={"Name": "default"})
    ids = athena.list_named_queries(WorkGroup=WORKGROUP)["NamedQueryIds"]
    assert athena.get_named_query(NamedQueryId=ids[0])
    saved = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    for query in sorted(saved, key=lambda query: str(query["Name"])):
        ask(athena, query["QueryString"], query["Database"])
    last = ask(athena, "SELECT 1")
    athena.stop_query_execution(QueryExecutionId=last)
    assert athena.list_query_executions(WorkGroup=WORKGROUP)["QueryExecutionIds"]
    assert athena.batch_get_query_execution(QueryExecutionIds=[last])["QueryExecutions"]
    mine = {"Name": "mine", "Database": DATABASE, "QueryString": "SELECT 1"}
    assert athena.create_named_query(**mine, WorkGroup=WORKGROUP)
    by_hand = {"Name": "mine", "StorageDescriptor": {"Columns": []}}
    for database in ("default", DATABASE):
        glue.create_table(DatabaseName=database, TableInput=by_hand)
    glue.update_table(DatabaseName="default", TableInput=by_hand)
    glue.delete_table(DatabaseName="default", Name="mine")
    for sql in blocks("sql"):  # the guide's; the last ones clean up after queries 04 and 05
        if "IF NOT EXISTS" not in sql:  # those are 04 and 05 again
            ask(athena, sql.replace("personalize-data-<account id>", bucket))


def go_on_without_the_job(s3: Any, bucket: str) -> None:
    """S3's page: copy the ready-made CSV into the folder that Personalize imports."""
    name = READY_MADE.rpartition("/")[2]
    source = {"Bucket": bucket, "Key": READY_MADE}
    s3.copy_object(Bucket=bucket, Key=f"transformed/{name}", CopySource=source)


def read_and_run_the_job(client: Client, bucket: str) -> None:
    """Glue's pages: the job, its script edited and saved, a run, its logs, its CSV."""
    glue, s3, logs = client("glue"), client("s3"), client("logs")
    assert glue.get_jobs()["Jobs"]
    assert client("iam").list_roles()["Roles"]
    job = glue.get_job(JobName=JOB)["Job"]
    script = s3.get_object(Bucket=bucket, Key=SCRIPT)["Body"].read()
    s3.put_object(Bucket=bucket, Key=SCRIPT, Body=b"# mine\n" + script)
    kept = ("Role", "Command", "DefaultArguments", "GlueVersion", "Timeout")
    glue.update_job(JobName=JOB, JobUpdate={name: job[name] for name in kept})
    run = glue.start_job_run(JobName=JOB)["JobRunId"]
    assert glue.get_job_runs(JobName=JOB)["JobRuns"]
    assert glue.get_job_run(JobName=JOB, RunId=run)["JobRun"]
    glue.batch_stop_job_run(JobName=JOB, JobRunIds=[run])
    group = f"/aws-glue/{JOB}/output"
    assert logs.describe_log_groups(logGroupNamePrefix="/aws-glue")["logGroups"]
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    for stream in streams:
        logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])
    assert logs.filter_log_events(logGroupName=group)["events"] is not None
    for folder in ("transformed/", "rejected/", "athena-results/"):
        for found in s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", []):
            assert s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read() is not None
