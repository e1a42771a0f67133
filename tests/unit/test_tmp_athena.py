"""The embedded Athena, through the door: HTTP, boto3, a real MiniStack with our additions."""

import contextlib
import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ClientError

from sqlglot import exp
from types_boto3_athena import AthenaClient
from types_boto3_glue import GlueClient
from types_boto3_s3 import S3Client


from embedded_aws.athena_sql import (
    MalformedQueryError,
    QueryFailedError,
    Relation,
    parse_query,
    translate,
)
from embedded_aws.athena_tables import hive_type
from embedded_aws.athena_engine import open_database
from embedded_aws.server import EmbeddedAws
from stacks.catalog import SEGMENT_LOG_COLUMNS, TRAIT_MAPPINGS, GlueType
from tests.support import PROJECT
from tests.support.checkout import free_port, owner_of

BUCKET = "personalize-data-123456789012"
DATABASE = "segment_personalize"
WORKGROUP = "segment-personalize"
OPEN_X = "org.openx.data.jsonserde.JsonSerDe"
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
CREATE_TABLE = (PROJECT / "athena" / "05_create_table_by_hand.sql").read_text(encoding="utf-8")


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
    cloudformation: Any

    def query(self, text: str, database: str = DATABASE, workgroup: str = WORKGROUP) -> Answer:
        """Run a statement to its end."""
        query_id = self.athena.start_query_execution(
            QueryString=text,
            QueryExecutionContext={"Database": database},
            WorkGroup=workgroup,
            ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/client-results"},
        )["QueryExecutionId"]
        while True:
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
        answer = self.query(text, database)
        assert answer.state == "SUCCEEDED", answer.reason
        return answer.rows

    def failure(self, text: str, database: str = DATABASE) -> str:
        """The reason of a statement that fails."""
        answer = self.query(text, database)
        assert answer.state == "FAILED"
        return answer.reason

    def put(self, key: str, *lines: str) -> int:
        """Put an object of these lines, gzipped if its name says so; its size in bytes."""
        body = "".join(f"{line}\n" for line in lines).encode()
        body = gzip.compress(body) if key.endswith(".gz") else body
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return len(body)

    def table(
        self,
        name: str,
        columns: dict[str, str],
        serde: str,
        parameters: dict[str, str] | None = None,
        table_parameters: dict[str, str] | None = None,
    ) -> None:
        """A table over `<name>/` in the bucket."""
        self.glue.create_table(
            DatabaseName=DATABASE,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": table_parameters or {},
                "StorageDescriptor": {
                    "Columns": [{"Name": n, "Type": t} for n, t in columns.items()],
                    "Location": f"s3://{BUCKET}/{name}/",
                    "SerdeInfo": {"SerializationLibrary": serde, "Parameters": parameters or {}},
                },
            },
        )


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An embedded AWS with a bucket, the database and the workgroup of the exercise."""
    with owner_of(EmbeddedAws(tmp_path_factory.mktemp("aws"), free_port())) as owner:
        client = owner.client
        made = Aws(client("athena"), client("glue"), client("s3"), client("cloudformation"))
        made.s3.create_bucket(Bucket=BUCKET)
        made.glue.create_database(DatabaseInput={"Name": DATABASE})
        made.athena.create_work_group(
            Name=WORKGROUP,
            Configuration={
                "EnforceWorkGroupConfiguration": True,
                "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/athena-results/"},
            },
        )
        yield made


def hive_text(kind: GlueType) -> str:
    """A type of `stacks.catalog` as the Glue table has it: struct<name:string>."""
    if isinstance(kind, str):
        return kind
    if isinstance(kind, list):
        return f"array<{hive_text(kind[0])}>"
    if "*" in kind:
        return f"map<string,{hive_text(kind['*'])}>"
    return "struct<" + ",".join(f"{name}:{hive_text(it)}" for name, it in kind.items()) + ">"


EVENTS = [
    {
        "messageId": "m1",
        "event": "Product Clicked",
        "type": "track",
        "userId": "u1",
        "version": 2,
        "timestamp": "2026-10-01T00:00:00.000Z",
        "properties": {"sku": "A1", "price": 9, "name": "Mug", "secret": "x"},
        "traits": {"Invited User?": True, "Favorite Departments": ["Games", "Books"]},
        "context": {"userAgent": "agent", "page": {"url": "https://example.com/?a=1"}},
        "integrations": {"All": True, "Salesforce": False},
        "undeclared": 1,
    },
    {
        "messageId": "m2",
        "event": "Order Completed",
        "type": "track",
        "userId": "u1",
        "properties": {
            "sku": "A1",
            "revenue": 12345678.5,
            "products": [{"sku": "A1", "quantity": 2}, {"sku": "B2"}],
        },
        "integrations": {},
    },
    {"messageId": "m3", "type": "page", "anonymousId": "a1", "properties": {"title": 'It\'s "it"'}},
]


@pytest.fixture(scope="module")
def segment(aws: Aws) -> int:
    """The exercise's own table with three events in two objects; the objects' bytes as stored."""
    size = aws.put("segment-logs/website-prod/1790812800000/1.gz", *map(json.dumps, EVENTS[:2]))
    size += aws.put("segment-logs/ios-prod/1790899200000/2", json.dumps(EVENTS[2]))
    aws.put("segment-logs/_temporary/3.gz", json.dumps(EVENTS[0]))
    aws.put("segment-logs/website-prod/.hidden", "not JSON")
    columns = ", ".join(f"`{name}` {hive_text(it)}" for name, it in SEGMENT_LOG_COLUMNS.items())
    mappings = ", ".join(f"'mapping.{name}' = '{key}'" for name, key in TRAIT_MAPPINGS.items())
    aws.rows(
        f"CREATE EXTERNAL TABLE segment_logs ({columns}) ROW FORMAT SERDE '{OPEN_X}' "
        f"WITH SERDEPROPERTIES ({mappings}) LOCATION 's3://{BUCKET}/segment-logs/'"
    )
    return size


@pytest.mark.usefixtures("segment")
def test_the_exercise_answers_its_three_questions(aws: Aws) -> None:
    """The first thing that a participant does would show nothing, or something else."""
    queries = sorted((PROJECT / "athena").glob("0[123]*.sql"))
    first, second, third = (aws.query(path.read_text(encoding="utf-8")) for path in queries)
    assert len(first.rows) == 3
    assert first.names == list(SEGMENT_LOG_COLUMNS)
    assert second.names == ["event", "messages"]
    assert second.types == ["varchar", "bigint"]
    assert sorted(second.rows, key=str) == [
        ["Order Completed", "1"],
        ["Product Clicked", "1"],
        [None, "1"],
    ]
    assert sorted(third.rows, key=str) == [["Order Completed", "1"], ["Product Clicked", "1"]]


def test_every_saved_query_runs(aws: Aws, segment: int) -> None:
    """A saved query that works nowhere without an AWS account would be found by a participant."""
    assert segment
    aws.table(
        "interactions",
        {"user_id": "string", "item_id": "string", "event_type": "string", "timestamp": "bigint"},
        OPEN_CSV,
        {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\"},
        {"skip.header.line.count": "1"},
    )
    aws.put(
        "interactions/run-1-part-r-00000.csv",
        "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP",
        "u1,A1,Product Clicked,1790812800",
        "u1,A1,Order Completed,1790899199",
        'u2,"B,2",Product Clicked,1790899200',
    )
    found = {}
    for path in sorted((PROJECT / "athena").glob("*.sql")):
        text = path.read_text(encoding="utf-8").replace("${DataBucket}", BUCKET)
        database = "default" if "\n-- database: default\n" in text else DATABASE
        found[path.name[:2]] = aws.rows(text, database)
    assert found["06"] == [["website-prod", "2026-10-01", "2"], ["ios-prod", "2026-10-02", "1"]]
    assert found["07"] == [["0", "1"], [None, "2"]]
    assert found["08"] == [["ios-prod", "0", "0", "0"], ["website-prod", "1", "0", "0"]]
    assert found["13"][2] == ["u2", "B,2", "Product Clicked", "1790899200"]
    assert found["16"] == [["A1", "2", "1", "1"], ["B,2", "1", "1", "0"]]
    first, last = "2026-10-01 00:00:00.000 UTC", "2026-10-02 00:00:00.000 UTC"
    assert found["17"] == [["3", "2", "1", first, last]]


@pytest.mark.usefixtures("segment")
def test_values_look_as_athena_shows_them(aws: Aws) -> None:
    """What a participant compares with the guide's screenshots would differ."""
    answer = aws.query(
        "SELECT properties.products, properties.revenue, traits.invited_user AS invited, "
        "traits.favorite_departments, integrations, version, context.page.url, count(*) OVER (), "
        "from_unixtime(0) AS epoch, 7 / 2, properties.price "
        "FROM segment_logs WHERE userId = 'u1' ORDER BY messageId"
    )
    empty = "brand=null, category=null, name=null, price=null, product_id=null"
    products = f"[{{{empty}, quantity=2, sku=A1}}, {{{empty}, quantity=null, sku=B2}}]"
    tail = ("2", "1970-01-01 00:00:00.000 UTC", "3")
    first = (None, None, "true", '["Games","Books"]', "{All=true, Salesforce=false}", "2")
    assert answer.rows == [
        [*first, "https://example.com/?a=1", *tail, "9.0"],
        [products, "1.23456785E7", None, None, "{}", None, None, *tail, None],
    ]
    assert answer.names[6:10] == ["url", "_col7", "epoch", "_col9"]
    assert answer.types == [
        *("array", "double", "varchar", "varchar", "map", "integer", "varchar", "bigint"),
        *("timestamp with time zone", "integer", "double"),
    ]


@pytest.mark.usefixtures("segment")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT undeclared FROM segment_logs", "COLUMN_NOT_FOUND: line 1:8: Column 'undeclared'"),
        (
            "SELECT event\nFROM segment_logs WHERE properties.secret = 'x'",
            "COLUMN_NOT_FOUND: line 2:25: Column 'properties.secret'",
        ),
        ("SELECT l.nothing FROM segment_logs l", "COLUMN_NOT_FOUND: line 1:8: Column 'l.nothing'"),
        ("SELECT event AS e FROM segment_logs GROUP BY e", "COLUMN_NOT_FOUND: line 1:46: Col"),
        ("SELECT a FROM (SELECT event FROM segment_logs)", "COLUMN_NOT_FOUND: line 1:8: Col"),
        ("SELECT 1 FROM nothing", "TABLE_NOT_FOUND: Table 'awsdatacatalog.segment_personalize.no"),
        ("SELECT 1 FROM nowhere.nothing", "SCHEMA_NOT_FOUND: Schema 'nowhere'"),
        ("SELECT nofunction(event) FROM segment_logs", "FUNCTION_NOT_FOUND"),
        ("SELECT * FROM read_csv('/etc/passwd')", "FUNCTION_NOT_FOUND"),
        ("SELECT * FROM '/etc/passwd'", "TABLE_NOT_FOUND"),
        ("SELECT CAST(event AS bigint) FROM segment_logs", "INVALID_CAST_ARGUMENT"),
        ("SELECT event, count(*) FROM segment_logs", "SYNTAX_ERROR"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO"),
        (
            "SELECT sku FROM segment_logs CROSS JOIN UNNEST(properties.products) AS p (sku)",
            "NOT_SUPPORTED: The embedded Athena does not unnest an array of rows",
        ),
        ("INSERT INTO segment_logs SELECT 1", "NOT_SUPPORTED"),
    ],
)
def test_a_query_that_athena_would_fail_fails(aws: Aws, text: str, reason: str) -> None:
    """SQL that only DuckDB understands would pass the rehearsal and fail at the event."""
    assert aws.failure(text).startswith(reason)


@pytest.mark.usefixtures("segment")
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT * FROM (SELECT DISTINCT \"$path\" AS p FROM segment_logs) WHERE p LIKE '%gz'", 1),
        ("SELECT x.* FROM segment_logs x JOIN segment_logs y ON x.messageId = y.messageId;", 3),
        ("WITH c AS (SELECT event AS e FROM segment_logs) SELECT e FROM c ORDER BY lower(e)", 3),
        ("SELECT event e FROM AwsDataCatalog.segment_personalize.segment_logs -- c\n;", 3),
        ("SELECT 1 FROM segment_logs l WHERE EXISTS (SELECT 1 WHERE l.userId = 'u1')", 2),
        ("SELECT d FROM segment_logs CROSS JOIN UNNEST(map_keys(integrations)) AS t (d)", 2),
        ("SELECT 1 FROM segment_logs UNION ALL SELECT 2 ORDER BY 1", 4),
        ("SELECT event, row_number() OVER (ORDER BY messageId) FROM segment_logs", 3),
        ("SELECT transform(properties.products, x -> x.sku) FROM segment_logs", 3),
    ],
)
def test_a_query_that_athena_would_run_runs(aws: Aws, text: str, rows: int) -> None:
    """The check of names would refuse what Athena accepts."""
    answer = aws.query(text)
    assert (answer.state, len(answer.rows)) == ("SUCCEEDED", rows), answer.reason
    assert "$path" not in answer.names


@pytest.mark.parametrize("text", ["SELEC 1", "SELECT FROM", "SELECT 1; SELECT 2", "-- nothing"])
def test_a_syntax_error_is_refused_at_once(aws: Aws, text: str) -> None:
    """A client that handles Athena's answer to a typo would wait for a query instead."""
    with pytest.raises(ClientError, match="InvalidRequestException"):
        aws.query(text)


def test_json_is_read_as_the_open_x_serde_reads_it(aws: Aws) -> None:
    """A team's own logs, less tidy than the simulated ones, would look different on AWS."""
    columns = {
        "id": "int",
        "userid": "string",
        "n": "bigint",
        "d": "double",
        "b": "boolean",
        "o": "struct<item_name:string,n:int>",
        "l": "array<int>",
        "m": "map<string,int>",
    }
    aws.table("untidy", columns, OPEN_X, {"mapping.item_name": "Item Name"})
    aws.put(
        "untidy/1.json",
        '{"ID": 1, "userId": "u\\"userid\\":", "n": "12", "d": "x", "b": "TRUE", "o": '
        '{"item name": "A", "N": 1.9}, "l": [1, "2", "x"], "m": {"Key": 1}}',
        '{"id": 2, "USERID": {"a": [1]}, "n": 9007199254740993, "d": 1, "b": 1, "o": '
        '{"Item Name": 5, "item_name": "no"}, "l": [], "m": {}, "other": 1}',
        '{"id": 3, "userid": 1.5, "o": null}',
        "",
    )
    assert aws.rows("SELECT * FROM untidy ORDER BY id") == [
        ["1", 'u"userid":', "12", None, "true", "{item_name=A, n=1}", "[1, 2, null]", "{Key=1}"],
        ["2", '{"a":[1]}', "9007199254740993", "1.0", "false", "{item_name=5, n=null}", "[]", "{}"],
        ["3", "1.5", *[None] * 6],
        [None] * 8,
    ]


def test_a_value_of_the_wrong_kind_fails_only_queries_that_read_it(aws: Aws) -> None:
    """On Athena an object in a number's column fails the query: here it would seem to work."""
    aws.table("wrong", {"id": "int", "n": "bigint", "o": "struct<a:int>"}, OPEN_X)
    aws.put("wrong/1.json", '{"id": 1, "n": {"x": 1}, "o": "text"}')
    assert aws.rows("SELECT id FROM wrong") == [["1"]]
    assert aws.failure("SELECT n FROM wrong").startswith("HIVE_BAD_DATA: ")
    assert aws.failure("SELECT o.a FROM wrong").startswith("HIVE_BAD_DATA: ")


def test_a_malformed_line_fails_the_query_unless_ignored(aws: Aws) -> None:
    """Whether `ignore.malformed.json` is set decides if one bad line breaks the exercise."""
    lines = ['{"id": 1}', '{"id": 2', "no JSON at all"]
    aws.table("strict", {"id": "int"}, OPEN_X)
    aws.table("lenient", {"id": "int"}, OPEN_X, {"ignore.malformed.json": "true"})
    aws.put("strict/1.gz", *lines)
    aws.put("lenient/1.gz", *lines)
    reason = "HIVE_CURSOR_ERROR: Row is not a valid JSON Object"
    assert aws.failure("SELECT count(*) FROM strict") == reason
    assert aws.rows("SELECT id FROM lenient ORDER BY 1") == [["1"], [None], [None]]


def test_case_sensitive_json_and_dots(aws: Aws) -> None:
    """A table that sets these SerDe properties would show other values than on AWS."""
    aws.table(
        "exact",
        {"id": "int", "a_b": "int"},
        OPEN_X,
        {"case.insensitive": "false", "dots.in.keys": "true"},
    )
    aws.put("exact/1", '{"ID": 1, "a.b": 2}', '{"id": 3, "Id": 4}')
    assert aws.rows("SELECT id, a_b FROM exact ORDER BY 1") == [["3", None], [None, "2"]]


def test_csv_tables(aws: Aws) -> None:
    """The interactions that the job wrote would not be readable, or read with their header."""
    columns = {"user_id": "string", "n": "bigint", "d": "double"}
    skip = {"skip.header.line.count": "1"}
    aws.table("quoted", columns, OPEN_CSV, {}, skip)
    aws.table("plain", columns, LAZY, {"field.delim": ","}, skip)
    assert aws.rows("SELECT * FROM quoted") == []
    header, line = "USER_ID,N,D", '"a ""b""",1,0.5'
    aws.put("quoted/1.csv", header, line, ",2,1e3")
    aws.put("quoted/2.csv", header)
    assert aws.rows("SELECT * FROM quoted ORDER BY n") == [
        ['a "b"', "1", "0.5"],
        ["", "2", "1000.0"],
    ]
    aws.put("quoted/3.csv", header, "c,1.5,")
    assert aws.rows("SELECT count(user_id) FROM quoted") == [["3"]]
    assert aws.failure("SELECT n FROM quoted").startswith("HIVE_BAD_DATA: Error parsing field")
    aws.put("quoted/3.csv", header, r'"c \"d\"",4,2')
    assert aws.rows("SELECT * FROM quoted WHERE n > 3") == [['c "d"', "4", "2.0"]]
    aws.put("plain/1.csv.gz", header, line, "\\N,x,")
    assert aws.rows("SELECT * FROM plain ORDER BY n") == [
        ['"a ""b"""', "1", "0.5"],
        [None, None, None],
    ]


def test_new_and_deleted_objects_show_at_once(aws: Aws) -> None:
    """The converted copy of a table would hide what the job has just written."""
    aws.table("changing", {"id": "int"}, OPEN_X)
    text = "SELECT id FROM changing ORDER BY id"
    seen = [aws.rows(text)]
    aws.put("changing/1", '{"id": 1}')
    seen.append(aws.rows(text))
    aws.put("changing/1", '{"id": 2}')
    seen.append(aws.rows(text))
    aws.s3.delete_object(Bucket=BUCKET, Key="changing/1")
    seen.append(aws.rows(text))
    assert seen == [[], [["1"]], [["2"]], []]


def test_the_exercise_makes_a_database_and_a_table_by_hand(aws: Aws, segment: int) -> None:
    """The by-hand half of the exercise would not work, or make another table than the stack."""
    assert segment
    create_database = "-- first\nCREATE DATABASE IF NOT EXISTS by_hand;"
    for text in (create_database, create_database, CREATE_TABLE, CREATE_TABLE):
        assert aws.rows(text.replace("${DataBucket}", BUCKET), "by_hand") == []
    assert aws.rows("SELECT count(*) FROM segment_logs", "by_hand") == [["3"]]
    table = aws.glue.get_table(DatabaseName="by_hand", Name="segment_logs")["Table"]
    storage = table["StorageDescriptor"]
    columns = {column["Name"]: column["Type"] for column in storage["Columns"]}
    assert len(columns) == 8
    assert columns["properties"] == (
        "struct<name:string,products:array<struct<sku:string>>,sku:string>"
    )
    assert columns["traits"].startswith("struct<campaign_name:string,campaign_source:string,")
    assert storage["SerdeInfo"]["SerializationLibrary"] == OPEN_X
    assert storage["SerdeInfo"]["Parameters"]["mapping.invited_user"] == "Invited User?"
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert aws.rows("SHOW TABLES IN by_hand;") == [["segment_logs"]]
    assert ["by_hand"] in aws.rows("SHOW DATABASES")
    described = aws.rows("DESCRIBE segment_logs", "by_hand")
    assert [str(row[0]).split()[:2] for row in described][-1] == ["userid", "string"]
    assert "not empty" in aws.failure("DROP DATABASE by_hand")
    assert aws.rows("DROP TABLE segment_logs", "by_hand") == []
    assert "does not exist" in aws.failure("DROP TABLE segment_logs", "by_hand")
    assert aws.rows("DROP DATABASE by_hand;") == []
    assert "already exists" in aws.failure(f"CREATE DATABASE {DATABASE}")


@pytest.mark.parametrize(
    "text",
    [
        "CREATE EXTERNAL TABLE t (a strng) LOCATION 's3://b/'",
        "CREATE EXTERNAL TABLE t (a struct<b:array<strng>>) LOCATION 's3://b/'",
        "CREATE TABLE t (a string) LOCATION 's3://b/'",
    ],
)
def test_a_table_that_athena_refuses_is_refused(aws: Aws, text: str) -> None:
    """A mistyped type would make a table here, and none on AWS."""
    with pytest.raises(ClientError, match="InvalidRequestException"):
        aws.query(text)


def test_the_result_is_where_athena_puts_it(aws: Aws) -> None:
    """A script that fetches the result file would find none."""
    answer = aws.query("SELECT 'a \"b\"' AS a, CAST(NULL AS varchar) AS b, true AS c")
    name = answer.location.rpartition("/")[2]
    assert answer.location == f"s3://{BUCKET}/athena-results/{name}"
    body = aws.s3.get_object(Bucket=BUCKET, Key=f"athena-results/{name}")["Body"].read()
    assert body == b'"a","b","c"\n"a ""b""",,"true"\n'
    assert aws.query("SHOW DATABASES").location.endswith(".txt")


def test_the_workgroup_decides_where_results_go(aws: Aws) -> None:
    """Results with personal data could land outside the place that the workgroup enforces."""
    name = "lets-clients-choose"
    aws.athena.create_work_group(Name=name, Configuration={"EnforceWorkGroupConfiguration": False})
    chosen = aws.query("SELECT 1", workgroup=name).location
    assert chosen.startswith(f"s3://{BUCKET}/client-results/")
    with pytest.raises(ClientError, match="is not found"):
        aws.query("SELECT 1", workgroup="nothing")
    with pytest.raises(ClientError, match="output bucket"):
        aws.athena.start_query_execution(
            QueryString="SELECT 1",
            WorkGroup=name,
            ResultConfiguration={"OutputLocation": "s3://nothing/x"},
        )


def test_a_query_reports_what_it_scans_and_stops_at_the_limit(aws: Aws, segment: int) -> None:
    """The cost that a participant reads would be wrong, and the limit would protect nobody."""
    text = "SELECT count(*) FROM segment_logs a JOIN segment_logs b ON a.messageId = b.messageId"
    assert aws.query(text).scanned == segment
    assert aws.query("SELECT 1").scanned == 0
    name = "limited"
    aws.athena.create_work_group(
        Name=name,
        Configuration={
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/athena-results/"},
            "BytesScannedCutoffPerQuery": 10_000_000,
        },
    )
    aws.table("large", {"id": "int"}, OPEN_X)
    aws.s3.put_object(Bucket=BUCKET, Key="large/1", Body=b'{"id": 1}\n' * 1_000_001)
    answer = aws.query("SELECT count(*) FROM large", workgroup=name)
    assert (answer.state, answer.reason) == ("CANCELLED", "Bytes scanned limit was exceeded")
    assert aws.query("SELECT count(*) FROM segment_logs", workgroup=name).state == "SUCCEEDED"


def test_an_unknown_database_fails(aws: Aws) -> None:
    """A mistyped database would pass unseen."""
    assert aws.failure("SELECT 1", "nowhere").startswith("SCHEMA_NOT_FOUND: Schema 'nowhere'")


def test_cloudformation_keeps_saved_queries(aws: Aws) -> None:
    """The stack would not deploy, or an update or deletion would leave old saved queries."""

    def template(text: str) -> str:
        properties = {"Database": DATABASE, "Name": "01", "QueryString": text}
        properties |= {"Description": "First", "WorkGroup": WORKGROUP}
        return json.dumps(
            {
                "Resources": {"Q": {"Type": "AWS::Athena::NamedQuery", "Properties": properties}},
                "Outputs": {"Id": {"Value": {"Ref": "Q"}}},
            }
        )

    def deployed(action: Callable[..., Any], waiter: str, text: str) -> str:
        action(StackName="queries", TemplateBody=template(text))
        aws.cloudformation.get_waiter(waiter).wait(
            StackName="queries", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
        stack = aws.cloudformation.describe_stacks(StackName="queries")["Stacks"][0]
        return str(stack["Outputs"][0]["OutputValue"])

    def saved() -> list[str]:
        return aws.athena.list_named_queries(WorkGroup=WORKGROUP)["NamedQueryIds"]

    first = deployed(aws.cloudformation.create_stack, "stack_create_complete", "SELECT 1")
    assert saved() == [first]
    query = aws.athena.get_named_query(NamedQueryId=first)["NamedQuery"]
    assert (query["Name"], query["Description"], query["QueryString"], query["Database"]) == (
        *("01", "First", "SELECT 1"),
        DATABASE,
    )
    second = deployed(aws.cloudformation.update_stack, "stack_update_complete", "SELECT 2")
    assert saved() == [second]
    assert second != first
    aws.cloudformation.delete_stack(StackName="queries")
    aws.cloudformation.get_waiter("stack_delete_complete").wait(
        StackName="queries", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    assert saved() == []


# What the review and a fuzz of log lines broke, and what else a log may hold. None of them may
# cost another record or the next query.
HOSTILE_LINES: dict[str, bytes] = {
    "127 arrays": b'{"event": "deep", "properties": ' + b"[" * 127 + b"]" * 127 + b"}",
    "100,000 arrays": b'{"event": "deep", "properties": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "127 objects": b'{"properties": ' + b'{"a": ' * 127 + b"1" + b"}" * 128,
    "arrays without an end": b'{"context": ' + b"[" * 5_000,
    "a string without an end": b'{"a": [' * 60 + b'"' + rb"\"" * 1_000_000,
    "a number without an end": b'{"version": ' + b"9" * 100_000 + b"}",
    "a number beyond a double": b'{"version": 1e999}',
    "keys that differ in case, escaped": rb'{"event": 1, "\u0045vent": 2, "EVENT": 3}',
    "20,000 keys that differ in case": json.dumps(
        {f"{case}{number}": 1 for number in range(20_000) for case in "kK"}
    ).encode(),
    "odd keys": json.dumps({"": 1, ".": 2, "'": 3, '"': 4, "\0": 5, "$path": 6, "\n": 7}).encode(),
    "a lone surrogate": rb'{"event": "\ud800"}',
    "no UTF-8": b'{"event": "\xff\xc3"}\n\xed\xa0\x80\n\xc3',
    "a byte order mark": b'\xef\xbb\xbf{"event": "marked"}',
    "UTF-16": '{"event": "x"}\n'.encode("utf-16"),
    "control characters": b'\0{"event": "a\0b"}\n\x01\n{"event": "a\x01b"}\x0b\x0c\x1a',
    "CR as the end of lines": b'{"event": "a"}\r{"event": "b"}\r\n{"event": "c"}',
    "no objects": b'[]\nnull\n1\n"x"\n{}\n{"event": {}}\n',
    "nothing": b"",
}


@pytest.mark.usefixtures("segment")
@pytest.mark.parametrize("name", HOSTILE_LINES)
def test_a_hostile_line_costs_only_itself(aws: Aws, name: str) -> None:
    """Whoever has a site's public write key would break everybody's queries, also later ones."""
    aws.table(
        "hostile",
        {"event": "string", "properties": "struct<sku:string>", "context": "string"},
        OPEN_X,
        {"ignore.malformed.json": "true"},
    )
    try:
        aws.put("hostile/good", '{"event": "good", "properties": {"sku": "A"}}')
        aws.s3.put_object(
            Bucket=BUCKET, Key="hostile/bad.gz", Body=gzip.compress(HOSTILE_LINES[name])
        )
        good = "SELECT properties.sku, context FROM hostile WHERE event = 'good'"
        assert aws.query(good).rows == [["A", None]]
        assert aws.query("SELECT count(*) FROM hostile").state == "SUCCEEDED"
    finally:
        aws.glue.delete_table(DatabaseName=DATABASE, Name="hostile")
        aws.s3.delete_object(Bucket=BUCKET, Key="hostile/bad.gz")
    assert aws.rows("SELECT count(*) FROM segment_logs") == [["3"]]


def bomb(block: bytes) -> bytes:
    """One gigabyte, gzipped to one megabyte."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    blocks = [compressor.compress(block * (2**20 // len(block))) for _ in range(2**10)]
    return b"".join([*blocks, compressor.flush()])


LINE = b'{"id": 1}\n'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lambda: gzip.compress(LINE * 1_000)[:60], id="cut off"),
        pytest.param(lambda: LINE, id="not gzipped"),
        pytest.param(lambda: gzip.compress(LINE)[:-8] + bytes(8), id="wrong checksum"),
        pytest.param(lambda: bomb(b"x"), id="a line of a gigabyte"),
        pytest.param(lambda: bomb(b"{}\n"), id="a gigabyte of lines"),
    ],
)
def test_an_object_that_cannot_be_read_is_named(aws: Aws, body: Callable[[], bytes]) -> None:
    """You would not know which of a thousand objects to remove, or the machine would run out."""
    aws.table("broken", {"id": "int"}, OPEN_X)
    aws.s3.put_object(Bucket=BUCKET, Key="broken/1.gz", Body=body())
    reason = aws.failure("SELECT count(*) FROM broken")
    aws.glue.delete_table(DatabaseName=DATABASE, Name="broken")
    assert reason.startswith("HIVE_CURSOR_ERROR: ")
    assert f"s3://{BUCKET}/broken/1.gz" in reason
    assert aws.rows("SELECT 1") == [["1"]]


def test_a_key_is_never_a_path(aws: Aws, tmp_path: Path) -> None:
    """An object's copy could land anywhere on this machine, or its name be read as a pattern."""
    aws.table("keys", {"id": "int"}, OPEN_X)
    outside = tmp_path / "outside"
    keys = ["..", "../../up", f"/{outside}", f"../../../../../../..{outside}", "*", "?", "[a-z]"]
    keys += ["{a,b}", "it's", '"q"', "a\nb", "\u202e\U0001f600", "x" * 900, "a.gz", "%2e%2e"]
    for key in keys:
        body = b'{"id": 1}' if not key.endswith(".gz") else gzip.compress(b'{"id": 1}')
        aws.s3.put_object(Bucket=BUCKET, Key=f"keys/{key}", Body=body)
    stored = {
        found["Key"] for found in aws.s3.list_objects_v2(Bucket=BUCKET, Prefix="keys/")["Contents"]
    }
    assert len(stored) == len(keys)
    visible = [key for key in stored if "/." not in key]  # Hive skips the others
    rows = aws.rows('SELECT "$path", id FROM keys')
    assert sorted(map(str, rows)) == sorted(str([f"s3://{BUCKET}/{key}", "1"]) for key in visible)
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.parametrize("text", OUTSIDE)
def test_the_database_itself_reaches_no_other_file(tmp_path: Path, text: str) -> None:
    """Whatever gets past the parser would read credentials and write over files."""
    folder, outside = tmp_path / "own", tmp_path / "outside"
    folder.mkdir()
    connection = open_database(folder)
    for cursor in (connection, connection.cursor()):
        with pytest.raises(duckdb.Error):
            cursor.execute(text.format(folder=folder, outside=outside)).fetchall()
    assert not outside.exists()
    (folder / "1").write_text("own\n")
    own = f"SELECT * FROM read_csv('{folder}/1', header = false)"
    assert connection.execute(own).fetchall() == [("own",)]


TABLE_FUNCTIONS = (
    "SELECT * FROM {}",
    "SELECT * FROM ({})",
    "SELECT * FROM TABLE({})",
    "SELECT (SELECT 1 FROM {})",
    "SELECT 1 FROM segment_logs, {}",
    "SELECT 1 FROM segment_logs, LATERAL {}",
    "SELECT 1 FROM (SELECT 1) AS x CROSS JOIN LATERAL {}",
    "SELECT 1 FROM segment_logs FULL JOIN LATERAL {} ON true",
    "SELECT 1 FROM segment_logs LEFT JOIN LATERAL {} AS y ON true",
    "SELECT 1 FROM segment_logs CROSS JOIN LATERAL (SELECT * FROM {})",
    "SELECT 1 FROM segment_logs CROSS APPLY {}",
    "SELECT 1 FROM segment_logs LATERAL VIEW {} y AS z",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM segment_logs, LATERAL {})",
    "SELECT 1 UNION ALL SELECT 1 FROM segment_logs CROSS JOIN LATERAL {}",
    "WITH a AS (SELECT 1 FROM segment_logs CROSS JOIN LATERAL {}) SELECT 1",
    "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n FROM a, LATERAL {}) SELECT n FROM a",
    "SELECT * FROM UNNEST({})",
)


def one_relation(_: exp.Table) -> Relation:
    """Any table's relation."""
    return Relation("view", {"event": hive_type("string")}, 1)


@pytest.mark.parametrize("text", TABLE_FUNCTIONS)
@pytest.mark.parametrize("function", ["read_text('/x')", "read_csv('/x')", "duckdb_settings()"])
def test_no_table_function_is_run(text: str, function: str) -> None:
    """A pasted statement would put a file of this machine into athena-results/."""
    with pytest.raises(QueryFailedError, match="FUNCTION_NOT_FOUND"):
        translate(parse_query(text.format(function)), one_relation)


def test_duckdbs_own_functions_are_not_run() -> None:
    """A statement would read settings, or stop everybody's queries with sleep_ms."""
    functions = duckdb.connect().execute(
        "SELECT DISTINCT function_name, function_type FROM duckdb_functions() WHERE "
        "function_type IN ('table', 'table_macro', 'pragma') OR stability = 'VOLATILE' OR "
        "regexp_matches(function_name, '^(current_|getvar|pg_|has_|in_search|json_.*sql)')"
    )
    passed, count = set(), 0
    for name, kind in functions.fetchall():
        text = "SELECT {}('a')" if kind == "scalar" else "SELECT * FROM {}('a')"
        count += 1
        with contextlib.suppress(QueryFailedError, MalformedQueryError):
            translate(parse_query(text.format(name)), one_relation)
            passed.add(name)
    assert count > 200
    of_trino = {"current_catalog", "current_date", "current_role", "current_schema", "current_user"}
    # `show('a')` is a table `show` with an alias.
    assert passed <= {*of_trino, "random", "uuid", "gen_random_uuid", "unnest", "show"} | {
        "current_database",
        "current_schemas",
    }


@pytest.mark.usefixtures("segment")
@pytest.mark.parametrize(
    "text",
    [
        *(text.format(folder="/own", outside="/outside") for text in OUTSIDE),
        "SELECT 1 FROM segment_logs CROSS JOIN LATERAL read_text('/etc/hostname')",
        "SELECT * INTO copied FROM segment_logs",
        "SELECT * FROM (DESCRIBE segment_logs)",
        "SELECT * FROM segment_logs a, information_schema.tables a",
        "SELECT sleep_ms(100000000)",
        "SELECT write_log('x')",
        "SELECT current_setting('temp_directory')",
        "SELECT \"current_setting\"('temp_directory')",
        "SELECT getvariable('x')",
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT " + "NOT " * 5_000 + "true",
    ],
)
def test_sql_reaches_tables_only(aws: Aws, text: str) -> None:
    """A statement that somebody pastes or saves would reach this machine."""
    try:
        answer = aws.query(text)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidRequestException"  # noqa: PT017
    else:
        assert answer.state == "FAILED"
        assert answer.reason.startswith(
            ("FUNCTION_NOT_FOUND", "NOT_SUPPORTED", "SYNTAX_ERROR", "TABLE_NOT_FOUND")
        )
    assert aws.rows("SELECT 1") == [["1"]]
