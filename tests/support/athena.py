"""An embedded Athena for tests: through the door, by HTTP and boto3."""

import gzip
import time
from dataclasses import dataclass
from typing import Any

import boto3
from types_boto3_athena import AthenaClient
from types_boto3_glue import GlueClient
from types_boto3_s3 import S3Client

BUCKET = "personalize-data-123456789012"
DATABASE = "segment_personalize"
WORKGROUP = "segment-personalize"
OPEN_X = "org.openx.data.jsonserde.JsonSerDe"
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
_LONGEST_SECONDS = 120


# Statements by which DuckDB would reach this machine.
FILE = "/etc/hostname"
OUTSIDE = [
    f"SELECT * FROM read_text('{FILE}')",
    f"SELECT * FROM read_blob('{FILE}')",
    f"SELECT * FROM read_csv('{FILE}', header = false)",
    f"SELECT * FROM read_csv('{{folder}}/..{FILE}', header = false)",
    f"SELECT * FROM read_json('{FILE}')",
    f"SELECT * FROM read_parquet('{FILE}')",
    f"SELECT * FROM sniff_csv('{FILE}')",
    "SELECT * FROM glob('/etc/*')",
    f"SELECT * FROM '{FILE}.csv'",
    f"SELECT * FROM query('SELECT * FROM read_text(''{FILE}'')')",
    "COPY (SELECT 1) TO '{outside}'",
    f"ATTACH '{FILE}' AS other",
    "ATTACH '{outside}' AS other",
    "EXPORT DATABASE '{outside}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "SET allowed_directories = ['/']",
    "SET lock_configuration = false",
    "SET memory_limit = '100GB'",
    "PRAGMA profiling_output = '{outside}'",
    "CALL enable_logging(storage = 'file')",
    "CREATE SECRET s (TYPE s3)",
]


@dataclass
class Answer:
    """What a finished query says."""

    state: str
    reason: str
    names: list[str]
    types: list[str]
    rows: list[list[str | None]]
    scanned: int
    location: str


@dataclass
class Aws:
    """Clients of the server, and the handful of calls that the tests make."""

    athena: AthenaClient
    glue: GlueClient
    s3: S3Client

    def start(self, text: str, *parameters: str, **context: str) -> str:
        """Start a statement; its id."""
        request: Any = {"ExecutionParameters": [*parameters]} if parameters else {}
        started = self.athena.start_query_execution(
            QueryString=text,
            QueryExecutionContext={"Database": context.get("database", DATABASE)},
            WorkGroup=context.get("workgroup", WORKGROUP),
            ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/client-results"},
            **request,
        )
        return started["QueryExecutionId"]

    def query(self, text: str, *parameters: str, **context: str) -> Answer:
        """Run a statement to its end, with what its `?` stand for."""
        return self.ended(self.start(text, *parameters, **context))

    def ended(self, query_id: str) -> Answer:
        """Wait for the end of a statement, which has to come: what waits for ever fails."""
        deadline = time.monotonic() + _LONGEST_SECONDS
        while True:
            assert time.monotonic() < deadline, f"{query_id} does not end"
            execution = self.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            status = execution["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.02)
        names, types, rows = [], [], []
        if status["State"] == "SUCCEEDED":
            pages = self.athena.get_paginator("get_query_results").paginate(
                QueryExecutionId=query_id
            )
            for page in pages:
                info = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
                names, types = [it["Name"] for it in info], [it["Type"] for it in info]
                rows += [
                    [it.get("VarCharValue") for it in row["Data"]]
                    for row in page["ResultSet"]["Rows"]
                ]
            if execution["StatementType"] == "DML":
                assert rows.pop(0) == names
        return Answer(
            status["State"],
            status.get("StateChangeReason", ""),
            names,
            types,
            rows,
            execution["Statistics"]["DataScannedInBytes"],
            execution["ResultConfiguration"]["OutputLocation"],
        )

    def rows(self, text: str, database: str = DATABASE) -> list[list[str | None]]:
        """The rows of a statement that succeeds."""
        answer = self.query(text, database=database)
        assert answer.state == "SUCCEEDED", answer.reason
        return answer.rows

    def failure(self, text: str, database: str = DATABASE) -> str:
        """The reason of a statement that fails."""
        answer = self.query(text, database=database)
        assert answer.state == "FAILED"
        return answer.reason

    def put(self, key: str, *lines: str) -> int:
        """Put an object of these lines, gzipped if its name says so; its size in bytes."""
        body = "".join(f"{line}\n" for line in lines).encode()
        body = gzip.compress(body) if key.endswith(".gz") else body
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return len(body)

    def table(  # noqa: PLR0913 - what a table is made of
        self,
        name: str,
        columns: dict[str, str],
        serde: str,
        parameters: dict[str, str] | None = None,
        table_parameters: dict[str, str] | None = None,
        *,
        at: str = "",
    ) -> None:
        """A table over `<name>/` in the bucket, or over another location."""
        self.glue.create_table(
            DatabaseName=DATABASE,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": table_parameters or {},
                "StorageDescriptor": {
                    "Columns": [{"Name": n, "Type": t} for n, t in columns.items()],
                    "Location": at or f"s3://{BUCKET}/{name}/",
                    "SerdeInfo": {"SerializationLibrary": serde, "Parameters": parameters or {}},
                },
            },
        )


def athena_of(owner: boto3.Session) -> Aws:
    """Make a bucket, the database and the workgroup of the exercise in an account."""
    client = owner.client
    made = Aws(client("athena"), client("glue"), client("s3"))
    made.s3.create_bucket(Bucket=BUCKET)
    made.glue.create_database(DatabaseInput={"Name": DATABASE})
    made.athena.create_work_group(
        Name=WORKGROUP,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/athena-results/"},
        },
    )
    return made
