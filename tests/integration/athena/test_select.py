"""The embedded Athena's SELECT, by HTTP and boto3."""

import pytest
from botocore.exceptions import ClientError

from stacks.catalog import SEGMENT_LOG_COLUMNS
from tests.support import PROJECT
from tests.support.athena import BUCKET, DATABASE, OPEN_CSV, OPEN_X, OUTSIDE, Aws


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
        {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\n"},
        {"skip.header.line.count": "1"},
    )
    aws.put(
        "interactions/run-1-part-r-00000.csv",
        "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP",
        "u1,A1,Product Clicked,1790812800",
        "u1,A1,Order Completed,1790899199",
        r'CORP\u2,"B,2\",Product Clicked,1790899200',
    )
    found = {}
    for path in sorted((PROJECT / "athena").glob("*.sql")):
        text = path.read_text(encoding="utf-8").replace("${DataBucket}", BUCKET)
        database = "default" if "\n-- database: default\n" in text else DATABASE
        found[path.name[:2]] = aws.rows(text, database)
    assert found["06"] == [["website-prod", "2026-10-01", "2"], ["ios-prod", "2026-10-02", "1"]]
    assert found["07"] == [["0", "1"]]
    assert found["08"] == [["ios-prod", "0", "0", "0"], ["website-prod", "1", "0", "0"]]
    assert found["13"][2] == [r"CORP\u2", "B,2\\", "Product Clicked", "1790899200"]
    assert found["16"] == [["A1", "2", "1", "1"], ["B,2\\", "1", "1", "0"]]
    first, last = "2026-10-01 00:00:00.000 UTC", "2026-10-02 00:00:00.000 UTC"
    assert found["17"] == [["3", "2", "1", first, last]]


@pytest.mark.usefixtures("segment")
def test_saved_queries_leave_odd_records_out(aws: Aws) -> None:
    """One bad time, or one file beside the sources' folders, would break the lesson."""
    queries = sorted((PROJECT / "athena").glob("*.sql"))
    texts = [queries[number - 1].read_text(encoding="utf-8") for number in (6, 7, 10)]
    before = [aws.rows(text) for text in texts]
    keys = ["segment-logs/beside/x.json", "segment-logs/web/1790812800000/odd.json"]
    aws.put(keys[0], '{"messageId": "b1", "timestamp": "soon", "anonymousId": "b"}')
    odd = ('""', "1551175200000", '"2026-13-45T10:00:00Z"', "{}", "null")
    aws.put(keys[1], *(f'{{"anonymousId": "o", "timestamp": {it}}}' for it in odd))
    try:
        by_source, by_hour, sessions = (aws.rows(text) for text in texts)
        assert by_source == [["web", "2026-10-01", "0"], *before[0]]
        assert [by_hour, sessions] == before[1:]
    finally:
        for key in keys:
            aws.s3.delete_object(Bucket=BUCKET, Key=key)


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
        ("SELECT event, count(*) FROM segment_logs", "EXPRESSION_NOT_AGGREGATE: 'event' must"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO"),
        ("SELECT count(*) FROM segment_logs WHERE event = ?", "INVALID_PARAMETER_USAGE"),
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
        ("WITH C AS (SELECT event AS e FROM segment_logs) SELECT X.e FROM c AS x", 3),
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
