"""What participants try besides SELECT: DDL, CREATE TABLE AS, UNLOAD, views, parameters."""

import pytest
from botocore.exceptions import ClientError

from tests.support import PROJECT
from tests.support.athena import BUCKET, DATABASE, OPEN_X, Aws

CREATE_TABLE = (PROJECT / "athena" / "05_create_table_by_hand.sql").read_text(encoding="utf-8")


@pytest.mark.usefixtures("segment")
def test_create_table_as_makes_a_table(aws: Aws) -> None:
    """It is what participants try next, and how awswrangler reads."""
    text = (
        "CREATE TABLE clicked WITH (format = 'PARQUET') AS SELECT messageId, properties.products, "
        "version, timestamp '2026-01-01 00:00:00' AS at, integrations FROM segment_logs"
    )
    answer = aws.query(text)
    assert answer.state == "SUCCEEDED", answer.reason
    table = aws.glue.get_table(DatabaseName=DATABASE, Name="clicked")["Table"]
    columns = {it["Name"]: it["Type"] for it in table["StorageDescriptor"]["Columns"]}
    assert columns["products"].startswith("array<struct<brand:string,")
    assert (columns["version"], columns["at"], columns["integrations"]) == (
        *("int", "timestamp"),
        "map<string,string>",
    )
    query_id = answer.location.rpartition("/")[2]
    assert table["StorageDescriptor"]["Location"] == (
        f"s3://{BUCKET}/athena-results/tables/{query_id}/"
    )
    same = "SELECT messageId, properties.products, version FROM segment_logs ORDER BY 1"
    assert aws.rows("SELECT messageid, products, version FROM clicked ORDER BY 1") == aws.rows(same)
    assert aws.rows("SELECT DISTINCT at FROM clicked") == [["2026-01-01 00:00:00.000"]]
    assert aws.failure(text).startswith("TABLE_ALREADY_EXISTS")
    assert aws.rows("DROP TABLE clicked") == []


@pytest.mark.usefixtures("segment")
def test_create_table_as_writes_json(aws: Aws) -> None:
    """The other format that the exercise's own table has."""
    aws.query(
        "CREATE TABLE as_json WITH (format = 'JSON') AS SELECT event, version FROM segment_logs"
    )
    assert aws.rows("SELECT version FROM as_json WHERE event = 'Product Clicked'") == [["2"]]
    aws.query("DROP TABLE as_json")


@pytest.mark.usefixtures("segment")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "CREATE TABLE x WITH (external_location = 's3://b/') AS SELECT 1 AS a",
            "The Create Table",
        ),
        ("CREATE TABLE x WITH (format = 'ORC') AS SELECT 1 AS a", "NOT_SUPPORTED"),
        ("CREATE TABLE x AS SELECT nothing FROM segment_logs", "COLUMN_NOT_FOUND"),
        (f"UNLOAD (SELECT 1 AS a) TO 's3://{BUCKET}/segment-logs/'", "HIVE_PATH_ALREADY_EXISTS"),
        ("UNLOAD (SELECT 1 AS a) TO 's3://nowhere/x/'", "HIVE_FILESYSTEM_ERROR"),
        ("CREATE VIEW segment_logs AS SELECT 1 AS a", "TABLE_ALREADY_EXISTS"),
        ("DROP VIEW segment_logs", "VIEW_NOT_FOUND"),
        ("EXECUTE nothing", "NOT_SUPPORTED"),
    ],
)
def test_what_is_refused_says_so(aws: Aws, text: str, reason: str) -> None:
    """A participant would not know what to change."""
    assert aws.failure(text).startswith(reason)


@pytest.mark.usefixtures("segment")
@pytest.mark.parametrize("form", ["PARQUET", "JSON"])
def test_unload_writes_files(aws: Aws, form: str) -> None:
    """Whoever wants the data as files would get none."""
    folder = f"s3://{BUCKET}/unloaded/{form}/"
    answer = aws.query(
        f"UNLOAD (SELECT event FROM segment_logs) TO '{folder}' WITH (format='{form}')"
    )
    assert answer.state == "SUCCEEDED", answer.reason
    serde = {"PARQUET": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"}
    aws.table(f"unloaded_{form}".lower(), {"event": "string"}, serde.get(form, OPEN_X), at=folder)
    assert aws.rows(f"SELECT count(event) FROM unloaded_{form}") == [["2"]]


@pytest.mark.usefixtures("segment")
def test_views(aws: Aws) -> None:
    """A participant saves a query as a view, and reads it with another."""
    assert aws.rows("CREATE VIEW Clicks AS SELECT event, version v FROM segment_logs") == []
    assert aws.rows("SELECT * FROM clicks c WHERE c.V = 2") == [["Product Clicked", "2"]]
    assert aws.failure("SELECT nothing FROM clicks").startswith("COLUMN_NOT_FOUND")
    assert aws.failure('SELECT "$path" FROM clicks').startswith("COLUMN_NOT_FOUND")
    aws.rows("CREATE OR REPLACE VIEW clicks AS SELECT count(*) AS n FROM clicks")
    assert aws.failure("SELECT * FROM clicks").startswith("INVALID_VIEW")
    aws.rows("CREATE OR REPLACE VIEW clicks AS SELECT count(*) AS n FROM segment_logs")
    assert aws.rows("SELECT n FROM clicks") == [["3"]]
    assert aws.rows("DROP VIEW clicks") == []
    assert aws.failure("SELECT n FROM clicks").startswith("TABLE_NOT_FOUND")


@pytest.mark.usefixtures("segment")
def test_names_as_clients_write_them(aws: Aws) -> None:
    """PyAthena writes AWS's catalog in lower case, and awswrangler a database in backticks."""
    databases = aws.athena.list_databases(CatalogName="awsdatacatalog")["DatabaseList"]
    assert DATABASE in [database["Name"] for database in databases]
    described = aws.query("DESCRIBE `segment_logs`;", database=f"`{DATABASE}`")
    assert described.names == ["col_name", "data_type", "comment"]
    assert str(described.rows[0][0]).split() == ["anonymousid", "string"]


@pytest.mark.usefixtures("segment")
def test_parameters_take_the_place_of_question_marks(aws: Aws) -> None:
    """PyAthena and awswrangler send values so."""
    text = "SELECT messageId FROM segment_logs WHERE event = ? AND version >= ?"
    assert aws.query(text, "'Product Clicked'", "-1").rows == [["m1"]]
    assert aws.query(text, "'it''s'", "1").rows == []
    assert aws.query(text, "'Product Clicked'").reason.startswith("INVALID_PARAMETER_USAGE")
    with pytest.raises(ClientError, match="InvalidRequestException"):
        aws.query(text, "(SELECT 1)", "1")


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("timestamp '2020-01-01 00:00:00'", "2020-01-01 00:00:00.000", "timestamp"),
        ("timestamp '2020-01-01 00:00:00.123456'", "2020-01-01 00:00:00.123", "timestamp"),
        ("time '10:00:00'", "10:00:00.000", "time"),
        ("1e0 / 0e0", "Infinity", "double"),
        ("-1e0 / 0", "-Infinity", "double"),
        ("CAST(0 AS double) / 0", "NaN", "double"),
        ("7 / 2", "3", "integer"),
        ("7e0 / 2", "3.5", "double"),
    ],
)
def test_values_are_those_of_trino(aws: Aws, text: str, value: str, kind: str) -> None:
    """A number that is right here would be another one on AWS."""
    answer = aws.query(f"SELECT {text} AS value")
    assert (answer.rows, answer.types) == ([[value]], [kind]), answer.reason


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
