"""What CloudFormation would hand to each service, held against the service's own API model.

botocore knows the parameters of every call: a property that a service does not have, or that has
another type, fails here and not in front of participants.
"""

from typing import Any

from tests.support.services import accepts, properties

Resources = dict[str, dict[str, Any]]

# The limits that the services document, in characters.
NAMED_QUERY_TEXT, NAMED_QUERY_NAME, DESCRIPTION = 262_144, 128, 1024


def texts(value: dict[str, Any]) -> dict[str, str]:
    """CloudFormation hands true on as a text where the service has texts only."""
    return {k: str(v).lower() if isinstance(v, bool) else v for k, v in value.items()}


def test_glue_accepts_the_job(resources: Resources) -> None:
    """A misspelt property of the job would be refused at deployment."""
    (job,) = properties(resources, "AWS::Glue::Job")
    accepts("glue", "CreateJob", job)


def test_glue_accepts_the_database_and_the_tables(resources: Resources) -> None:
    """A table that Glue refuses leaves the exercise without its first step."""
    (database,) = properties(resources, "AWS::Glue::Database")
    accepts("glue", "CreateDatabase", database)
    for table in properties(resources, "AWS::Glue::Table"):
        table["TableInput"]["Parameters"] = texts(table["TableInput"]["Parameters"])
        accepts("glue", "CreateTable", table)


def test_athena_accepts_the_workgroup_and_the_saved_queries(resources: Resources) -> None:
    """Names, descriptions and texts within what Athena documents."""
    (workgroup,) = properties(resources, "AWS::Athena::WorkGroup")
    del workgroup["RecursiveDeleteOption"]  # for the deletion
    workgroup["Configuration"] = workgroup.pop("WorkGroupConfiguration")
    accepts("athena", "CreateWorkGroup", workgroup)
    for query in properties(resources, "AWS::Athena::NamedQuery"):
        accepts("athena", "CreateNamedQuery", query)
        assert len(query["QueryString"]) <= NAMED_QUERY_TEXT
        assert len(query["Name"]) <= NAMED_QUERY_NAME
        assert len(query["Description"]) <= DESCRIPTION


def test_lambda_and_logs_accept_what_is_theirs(resources: Resources) -> None:
    """The function that fills the bucket, and its log."""
    (function,) = properties(resources, "AWS::Lambda::Function")
    function["Code"] = {"ZipFile": function["Code"]["ZipFile"].encode()}
    function.pop("Tags", None)
    accepts("lambda", "CreateFunction", {"FunctionName": "a-name", **function})
    for group in properties(resources, "AWS::Logs::LogGroup"):
        days = group.pop("RetentionInDays")
        name = {"logGroupName": "a-name"}
        accepts("logs", "PutRetentionPolicy", {**name, "retentionInDays": days})
