"""What participants type and DuckDB would compute otherwise: the embedded Athena answers as Trino.

Sources: trino.io/docs/current/functions.html; trinodb/trino, io.trino.type and
io.trino.operator.scalar.
"""

import pytest
from botocore.exceptions import ClientError

from tests.support.athena import Aws

TIME = "from_iso8601_timestamp('2026-10-05T10:00:59.500Z')"
PRODUCTS = "FROM segment_logs CROSS JOIN UNNEST(properties.products)"
SKUS = "FROM segment_logs CROSS JOIN UNNEST(transform(properties.products, p -> p.sku))"
FIRST = "element_at(properties.products, 1)"
BOUGHT = "SELECT properties.products AS bought FROM segment_logs"
SUBSCRIPT = "INVALID_FUNCTION_ARGUMENT: Array subscript"
FIELDS = "brand, category, name, price, product_id, quantity, sku"


@pytest.mark.usefixtures("segment")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        # Whole units, not the boundaries between two times.
        (f"date_diff('minute', {TIME}, from_iso8601_timestamp('2026-10-05T10:01:00Z'))", "0"),
        ("date_diff('day', TIMESTAMP '2026-10-01 23:00:00', TIMESTAMP '2026-10-02 01:00:00')", "0"),
        ("date_diff('month', DATE '2026-01-31', DATE '2026-03-31')", "2"),
        ("extract(dow FROM DATE '2026-10-04')", "7"),
        ("day_of_week(DATE '2026-10-05')", "1"),
        # A day stays a day.
        ("date_trunc('week', DATE '2026-10-01')", "2026-09-28"),
        ("date_add('day', 1, DATE '2026-10-01')", "2026-10-02"),
        ("DATE '2026-10-01' - INTERVAL '7' DAY", "2026-09-24"),
        ("DATE '2026-10-05' - DATE '2026-10-01'", "4 00:00:00.000"),
        (f"{TIME} - from_iso8601_timestamp('2026-10-04T09:00:00Z')", "1 01:00:59.500"),
        (f"CAST({TIME} AS varchar)", "2026-10-05 10:00:59.500 UTC"),
        ("CAST(TIMESTAMP '2026-10-01 00:00:00' AS varchar)", "2026-10-01 00:00:00.000"),
        # Half up, whatever the neighbour.
        ("CAST(34.5 AS integer)", "35"),
        ("CAST(3.45e1 AS bigint)", "35"),
        ("CAST(-2.5e0 AS integer)", "-3"),
        ("TRY_CAST('1.5' AS integer)", None),
        ("TRY_CAST('15' AS integer)", "15"),
        ("TRY(CAST('2026-10-01T00:00:00Z' AS timestamp))", None),
        ("CAST('2026-10-01 10:00' AS timestamp)", "2026-10-01 10:00:00.000"),
        ("TIMESTAMP '2026-10-01 10:00:00'", "2026-10-01 10:00:00.000"),
        ("regexp_replace('abcb', '(b)', '[$1]')", "a[b]c[b]"),
        (r"regexp_replace('abc', 'b', '\$5')", "a$5c"),
        ("regexp_replace('abc', 'b')", "ac"),
        ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a')", None),
        ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a.b')", "1"),
        ("json_extract_scalar('not JSON', '$.a')", None),
        ("json_extract('not JSON', '$.a')", None),
        ("format('%.2f and %s', 3.14159e0, 'x')", "3.14 and x"),
        ("array_position(ARRAY[1, 2], 5)", "0"),
        ("split('a,b,c', ',')[3]", "c"),
        ("element_at(split('a,b,c', ','), 4)", None),
        ("TRY(split('a,b,c', ',')[4])", None),
        ("cardinality(map(ARRAY['a'], ARRAY[1]))", "1"),
        ("cardinality(split('a,b,c', ','))", "3"),
        ("arrays_overlap(ARRAY[1], ARRAY[1, 2])", "true"),
        ("url_extract_host('https://u@example.com:80/a?b=c#d')", "example.com"),
        ("url_extract_path('https://example.com/a/b?c')", "/a/b"),
        ("url_extract_query('https://example.com/a?b=c#d')", "b=c"),
        ("url_extract_query('https://example.com/a')", None),
        ("at_timezone(TIMESTAMP '2026-10-01 10:00:00', 'UTC') IS NULL", "false"),
        ("(SELECT sum(properties.price) / 0 FROM segment_logs)", "Infinity"),
        ("(SELECT every(version = 2) FROM segment_logs)", "true"),
        (
            "(SELECT element_at(map_agg(messageId, event), 'm2') FROM segment_logs)",
            "Order Completed",
        ),
        (
            f"(SELECT count(*) {PRODUCTS} AS p ({FIELDS}) WHERE sku = 'B2' AND quantity IS NULL)",
            "1",
        ),
        (
            f"(SELECT count(*) {SKUS} AS t (sku) WHERE sku = 'A1')",
            "1",
        ),
        (
            f"(SELECT count(sku) FROM (SELECT {FIRST}.sku FROM segment_logs) WHERE sku <> '')",
            "1",
        ),
    ],
)
def test_a_value_is_what_trino_computes(aws: Aws, text: str, value: str | None) -> None:
    """A wrong number would be believed: nothing fails."""
    assert aws.rows(f"SELECT {text}") == [[value]]


@pytest.mark.usefixtures("segment")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT CAST('1.5' AS integer)", "INVALID_CAST_ARGUMENT: Value cannot be cast: 1.5"),
        (
            'SELECT CAST("timestamp" AS timestamp) FROM segment_logs',
            "INVALID_CAST_ARGUMENT: Value cannot be cast: 2026-10-01T00:00:00.000Z",
        ),
        ('SELECT date("timestamp") FROM segment_logs', "INVALID_CAST_ARGUMENT"),
        (
            "SELECT split('a,b,c', ',')[4]",
            f"{SUBSCRIPT} must be less than or equal to array length: 4 > 3",
        ),
        (
            "SELECT integrations['nope'] FROM segment_logs",
            "INVALID_FUNCTION_ARGUMENT: Key not present in map: nope",
        ),
        (
            f"SELECT sku {PRODUCTS} AS p (sku)",
            "SYNTAX_ERROR: Column alias list has 1 entries but 'p' has 7 columns available",
        ),
        (
            f"WITH o AS ({BOUGHT}) SELECT sku FROM o CROSS JOIN UNNEST(bought) AS p (sku)",
            "SYNTAX_ERROR: Column alias list has 1 entries but 'p' has 7 columns available",
        ),
        ("SELECT regexp_replace('a', 'a', x -> upper(x[1]))", "NOT_SUPPORTED"),
        ("SELECT array_sort(ARRAY[2, 1], (x, y) -> x - y)", "NOT_SUPPORTED"),
        ("SELECT json_value('{}', 'lax $.a')", "NOT_SUPPORTED"),
        ("SELECT split('a,b,c', ',', 2)", "NOT_SUPPORTED"),
        ("SELECT from_unixtime(0, 'Europe/Berlin')", "NOT_SUPPORTED"),
        ("SELECT parse_duration('1d')", "NOT_SUPPORTED: The embedded Athena does not compute"),
        ("SELECT zip(ARRAY[1], ARRAY['a'])", "NOT_SUPPORTED: The embedded Athena does not compute"),
        ("SELECT z(1)", "FUNCTION_NOT_FOUND: Function 'z' not registered"),
        ("SELECT * FROM information_schema.tables", "NOT_SUPPORTED"),
        (
            "SELECT sum(event) FROM segment_logs",
            "TYPE_MISMATCH: Unexpected parameters (varchar) for function sum",
        ),
        ("SELECT 1 FROM segment_logs WHERE event > DATE '2026-10-01'", "TYPE_MISMATCH: Cannot"),
        (
            "CREATE TABLE unnamed AS SELECT count(*) FROM segment_logs",
            "MISSING_COLUMN_NAME: Column name not specified at position 1",
        ),
        ("CREATE VIEW unnamed AS SELECT 1 AS one, lower('A')", "MISSING_COLUMN_NAME"),
        (
            f"CREATE TABLE zoned AS SELECT {TIME} AS moment",
            "NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone",
        ),
        (
            "CREATE TABLE parts WITH (partitioned_by = ARRAY['b']) AS SELECT 1 AS a, 2 AS b",
            "NOT_SUPPORTED: The embedded Athena takes no partitioned",
        ),
    ],
)
def test_what_trino_refuses_or_is_not_computed_here_fails(aws: Aws, text: str, reason: str) -> None:
    """It would work here and fail on AWS, or answer something else without a word."""
    assert aws.failure(text).startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * EXCLUDE (a) FROM t",
        "SELECT * REPLACE (1 AS a) FROM t",
        "SELECT '1'::integer",
        "SELECT 1 FROM t WHERE 'a' ILIKE 'A'",
        "SELECT 1 FROM (SELECT 1 LIMIT 3) LIMIT 2 OFFSET 2",
    ],
)
def test_what_other_databases_have_is_refused(aws: Aws, text: str) -> None:
    """It would work here, and be a syntax error on AWS."""
    with pytest.raises(ClientError, match="mismatched input"):
        aws.query(text)


def test_offset_stands_before_limit(aws: Aws) -> None:
    """A check that is too strict would refuse what Athena runs."""
    numbers = "UNNEST(sequence(1, 9)) AS t (n)"
    text = f"SELECT n FROM (SELECT n FROM {numbers} ORDER BY n LIMIT 5) ORDER BY n OFFSET 3 LIMIT 1"
    assert aws.rows(text) == [["4"]]


@pytest.mark.usefixtures("segment")
@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("split(\"$path\", '/')[5]", 2),
        ("CAST(properties.price AS integer)", 2),
        ("date_trunc('week', date(from_iso8601_timestamp(\"timestamp\")))", 2),
        ("json_extract_scalar(traits.favorite_departments, '$[0]')", 2),
        ("date_diff('day', from_iso8601_timestamp(\"timestamp\"), now()) > 1", 2),
        ("properties.products[1].sku", 2),
        ("regexp_replace(context.page.url, '^https?://([^/]+).*', '$1')", 2),
    ],
)
def test_a_value_can_be_grouped_and_ordered_by(aws: Aws, value: str, count: int) -> None:
    """What is rewritten in one clause must be the same in the others."""
    for key in (value, "1"):
        text = f"SELECT {value} AS v, count(*) FROM segment_logs GROUP BY {key} "
        assert len(aws.rows(f"{text} HAVING count(*) > 0 ORDER BY {value}, 2")) == count
    inner = f"SELECT {value} AS v FROM segment_logs"
    assert len(aws.rows(f"WITH t AS ({inner}) SELECT v FROM t GROUP BY v ORDER BY v")) == count


@pytest.mark.usefixtures("segment")
def test_columns_have_trinos_names_and_types(aws: Aws) -> None:
    """A table made of an answer would have columns that no statement can name."""
    answer = aws.query(
        "SELECT properties.sku, element_at(properties.products, 1).quantity, 0.1e0 + 0.2e0, "
        "DATE '2026-10-02' - DATE '2026-10-01', date_trunc('day', DATE '2026-10-02'), "
        "cardinality(integrations) FROM segment_logs"
    )
    assert answer.names == ["sku", "quantity", "_col2", "_col3", "_col4", "_col5"]
    assert answer.types[2:] == ["double", "interval day to second", "date", "bigint"]


@pytest.mark.usefixtures("segment")
def test_the_catalog_is_shown(aws: Aws) -> None:
    """The console's menu has "Generate table DDL", and the guide asks how the table was made."""
    (made,) = zip(*aws.rows("SHOW CREATE TABLE segment_logs"), strict=True)
    assert made[0] == "CREATE EXTERNAL TABLE `segment_logs`("
    assert "  `event` string, " in made
    assert "  'org.openx.data.jsonserde.JsonSerDe' " in made
    assert any("'mapping.invited_user'='Invited User?'" in str(line) for line in made)
    assert str(made[made.index("LOCATION") + 1]).endswith("/segment-logs'")
    again = "\n".join(map(str, made)).replace("`segment_logs`", "`again`")
    assert aws.rows(again) == []
    assert aws.rows("DESCRIBE again") == aws.rows("DESCRIBE segment_logs")
    aws.rows("DROP TABLE again")
    (columns,) = zip(*aws.rows("SHOW COLUMNS IN segment_logs"), strict=True)
    assert {"event", "messageid"} <= {str(name).strip() for name in columns}
    assert aws.rows("DESC segment_logs") == aws.rows("DESCRIBE segment_logs")
    assert aws.rows("SHOW TABLES 'segment*'") == [["segment_logs"]]
    assert aws.rows("SHOW TABLES 'nothing|*else'") == []
