"""The SQL files: what CloudFormation, Athena and Redshift need of them."""

import re
from pathlib import Path

import duckdb
import pytest
import sqlfluff
import sqlglot
from sqlglot import exp

from stacks.catalog import SEGMENT_LOG_COLUMNS, TRAIT_MAPPINGS, GlueType
from tests.support import PROJECT

QUERIES = sorted((PROJECT / "athena").glob("*.sql"))
UNLOAD = PROJECT / "redshift" / "unload_interactions.sql"
HEADER = re.compile(
    r"\A-- name: (?P<name>\d\d .+)\n-- description: (?P<description>.+)\n"
    r"(-- database: (?P<database>.+)\n)?(?=[A-Z])"
)

each_query = pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace("${DataBucket}", "bucket")


@each_query
def test_the_header_names_a_saved_query(path: Path) -> None:
    """Without a header within Athena's limits the stack does not deploy."""
    header = HEADER.match(text_of(path))
    assert header
    assert header["name"][:2] == path.name[:2]
    assert len(header["name"]) <= 128
    assert len(header["description"]) <= 1024
    assert header["database"] in (None, "default")


@each_query
def test_it_is_one_statement_of_athena(path: Path) -> None:
    """Athena runs one statement; a second, or one that does not parse, is refused."""
    text = text_of(path)
    assert len(sqlglot.parse(text, read="athena")) == 1
    sqlfluff.parse(text, dialect="athena")
    assert "$" not in text.replace('"$path"', ""), "CloudFormation would substitute it"


def test_the_database_made_by_hand_is_no_context_of_its_own_statement() -> None:
    """Where an account has no such database yet, Athena may refuse the context before it looks."""
    header = HEADER.match(text_of(QUERIES[3]))
    assert header
    assert "CREATE DATABASE" in text_of(QUERIES[3])
    assert header["database"] is None  # so it is the stack's


def tables(statement: exp.Expr) -> list[str]:
    """The tables that a statement reads, each as often as it reads it."""
    named = {it.alias for it in statement.find_all(exp.CTE)}
    return [it.name for it in statement.find_all(exp.Table) if it.name not in named]


@each_query
def test_it_reads_its_table_once(path: Path) -> None:
    """A second scan costs the participant twice as much, and on 100 GB twice the wait.

    One DISTINCT at most: for several of different columns Trino may read the table several times.
    Source: distinct-aggregations-strategy in trino.io/docs/current/admin/properties-optimizer.
    """
    statement = sqlglot.parse_one(text_of(path), read="athena")
    if isinstance(statement, exp.Create):
        return
    assert tables(statement) in (["segment_logs"], ["interactions"])
    counted = {it.sql() for it in statement.find_all(exp.Count) if it.find(exp.Distinct)}
    assert len(counted) <= 1


def test_the_lesson_reads_the_raw_table_first() -> None:
    """The numbers of the names are the order of the lesson: before the job there is no CSV."""
    statements = [sqlglot.parse_one(text_of(path), read="athena") for path in QUERIES]
    read = [tables(it)[0] for it in statements if not isinstance(it, exp.Create)]
    assert read == sorted(read, reverse=True)
    assert [path.name[:2] for path in QUERIES] == [f"{n:02}" for n in range(1, len(QUERIES) + 1)]


def test_the_table_made_by_hand_is_part_of_the_stack_s_table() -> None:
    """The participant's own table would answer the questions otherwise than the given one.

    It has the columns that the exercise needs; the tests on the embedded AWS ask it the questions.
    """
    create = sqlglot.parse_one(text_of(QUERIES[4]), read="athena")
    for column in create.this.expressions:
        assert is_part_of(column.args["kind"], SEGMENT_LOG_COLUMNS[column.name]), column.name
    properties = create.find(exp.SerdeProperties)
    assert properties
    found = {it.this.name: it.args["value"].name for it in properties.expressions}
    mappings = {f"mapping.{name}": key for name, key in TRAIT_MAPPINGS.items()}
    assert found == {**mappings, "ignore.malformed.json": "true"}


def is_part_of(made: exp.Expr, whole: GlueType) -> bool:
    """Whether every field of the type that was parsed is in the other, with the same type."""
    if isinstance(whole, dict):
        return all(is_part_of(it.args["kind"], whole[it.name]) for it in made.expressions)
    if isinstance(whole, list):
        return is_part_of(made.expressions[0], whole[0])
    return made.sql("hive").lower() == whole


def test_the_unload_is_redshift() -> None:
    """A statement that Redshift cannot parse would reach the customer."""
    text = text_of(UNLOAD)
    sqlfluff.parse(text, dialect="redshift")
    assert len(sqlglot.parse(text, read="redshift")) == 2


def test_the_unload_writes_what_the_job_writes() -> None:
    """A team that comes from Redshift would import doubled, dropped or unreadable interactions."""
    text = text_of(UNLOAD)
    body = re.search(r"UNLOAD \('(.+)'\)\nTO", text, re.DOTALL)
    assert body
    select = sqlglot.parse_one(body[1].replace("''", "'"), read="redshift")
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA website_prod")
    for table in ("product_clicked", "product_added", "order_completed"):
        connection.execute(
            f"CREATE TABLE website_prod.{table} (id VARCHAR, user_id VARCHAR, sku VARCHAR, "
            '"timestamp" TIMESTAMP, received_at TIMESTAMP)'
        )
    at, later = "2026-10-01 00:00:00.999", "2026-10-01 00:00:05"
    connection.executemany(
        "INSERT INTO website_prod.product_clicked VALUES (?, ?, ?, ?, ?)",
        [
            ("m1", "u1", "A1", at, at),
            ("m1", "u1", "A1", at, later),
            ("m2", None, "A1", at, at),
            ("m3", "u1", None, at, at),
            ("m4", "u1", "", at, at),
            ("m5", "u1", "A1", None, at),
            ("m6", "u1", "A1", at, at),
        ],
    )
    connection.execute(
        "INSERT INTO website_prod.order_completed VALUES (?, ?, ?, ?, ?)",
        ("m7", "u2", "B2", later, later),
    )
    result = connection.execute(select.sql("duckdb"))
    assert [name for name, *_ in result.description or []] == [
        *("USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP")
    ]
    assert sorted(result.fetchall()) == [
        ("u1", "A1", "Product Clicked", 1790812800),
        ("u1", "A1", "Product Clicked", 1790812800),
        ("u2", "B2", "Order Completed", 1790812805),
    ]
    for option in ("IAM_ROLE", "FORMAT AS CSV", "HEADER", "PARALLEL OFF"):
        assert option in text
    assert "credentials" not in text.lower()
