"""Saved queries: which only read, and which one a name means."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stubs import stubbed
from workshop.athena import Result, run
from workshop.athena_advice import next_step
from workshop.environment import Environment
from workshop.errors import WorkshopError
from workshop.queries import SavedQuery, choose

ENVIRONMENT = Environment("Workshop", "arn", "CREATE_COMPLETE", {"WorkgroupName": "shop"})
OWN = [SavedQuery(f"0{n} Query", "", "shop", "SELECT 1") for n in range(1, 4)]
SUCCEEDED = {
    "QueryExecutionId": "one",
    "Query": "SELECT 1",
    "Status": {"State": "SUCCEEDED"},
    "Statistics": {},
}


def reads(sql: str) -> bool:
    return SavedQuery("", "", "", sql).reads


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "with t as (select 1) select 1", "-- a\n  -- b\nSELECT 1"]
)
def test_a_select_reads(sql: str) -> None:
    """The lesson's questions run with --all."""
    assert reads(sql)


@pytest.mark.parametrize(
    "sql", ["", "\n", "-- hi", "-- SELECT 1\nDROP TABLE t", "CREATE DATABASE x"]
)
def test_everything_else_does_not(sql: str) -> None:
    """A query without a statement must not stop the others."""
    assert not reads(sql)


@given(st.text(st.sampled_from("-\n\t SELECT/*")))
def test_any_text_reads_or_does_not(sql: str) -> None:
    """Anything can be saved."""
    assert reads(sql) in {True, False}


@pytest.mark.parametrize("line", ["\n", " \n", "--\n", "\t"])
def test_the_longest_statement_is_judged_at_once(line: str) -> None:
    """Minutes for each saved query would be an event's morning: 262,144 is Athena's limit."""
    began = time.monotonic()
    assert reads((line * 262_144)[:262_100] + "\nSELECT 1")
    assert time.monotonic() - began < 10


def test_others_are_not_looked_at_where_a_number_is_the_stack_s() -> None:
    """There may be thousands of them."""

    def never() -> object:
        raise AssertionError

    assert choose(OWN, iter(never, None), "02") is OWN[1]  # type: ignore[arg-type]


def test_an_answer_of_another_width_is_an_error() -> None:
    """Participants may write over the file that Athena answers from: no traceback then."""
    row = {"Data": [{"VarCharValue": "1"}, {"VarCharValue": "2"}]}
    columns = {"ColumnInfo": [{"Name": "a", "Type": "varchar"}]}
    with stubbed("athena") as (account, stub):
        stub.add_response("start_query_execution", {"QueryExecutionId": "1"})
        stub.add_response("get_query_execution", {"QueryExecution": SUCCEEDED})
        stub.add_response(
            "get_query_results", {"ResultSet": {"Rows": [row], "ResultSetMetadata": columns}}
        )
        with pytest.raises(WorkshopError, match="another width"):
            run(account, ENVIRONMENT, "SELECT 1", "shop", limit=None)


def test_describe_answers_with_a_text_for_all_columns() -> None:
    """Athena gives DESCRIBE three columns and one tab-separated value: no error, three cells."""
    row = {"Data": [{"VarCharValue": "event  \tstring \t"}]}
    names = ("col_name", "data_type", "comment")
    columns = {"ColumnInfo": [{"Name": name, "Type": "string"} for name in names]}
    with stubbed("athena") as (account, stub):
        stub.add_response("start_query_execution", {"QueryExecutionId": "1"})
        stub.add_response("get_query_execution", {"QueryExecution": SUCCEEDED})
        stub.add_response(
            "get_query_results", {"ResultSet": {"Rows": [row], "ResultSetMetadata": columns}}
        )
        result = run(account, ENVIRONMENT, "DESCRIBE t", "shop", limit=None)
    assert result.rows == [["event", "string", ""]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("08", "08 From click to order"),
        ("8", "08 From click to order"),
        ("sessions", "10 Sessions"),
        ("sess", "10 Sessions"),
        ("From CLICK", "08 From click to order"),
        ("order click", "08 From click to order"),
        ("10 sessions", "10 Sessions"),
        ("08 From click to order", "08 From click to order"),
        ("1", "01 What click"),
    ],
)
def test_a_saved_query_is_found_by_number_or_words(name: str, expected: str) -> None:
    """People type what they remember."""
    names = ("01 What click", "08 From click to order", "10 Sessions", "11 Visitors")
    saved = [SavedQuery(name, "", "shop", "SELECT 1") for name in names]
    assert choose(saved, [], name).name == expected


@pytest.mark.parametrize(("name", "listed"), [("click", 2), ("nothing", 3), ("7", 3), ("0", 2)])
def test_what_means_no_query_or_several_lists_them(name: str, listed: int) -> None:
    """One name a line: seventeen in a row are not read."""
    names = ("01 What click", "08 From click to order", "10 Sessions")
    saved = [SavedQuery(name, "", "shop", "SELECT 1") for name in names]
    with pytest.raises(WorkshopError) as error:
        choose(saved, [], name)
    lines = error.value.next_step.splitlines()
    assert sum(line.strip() in names for line in lines) == listed
    assert lines[-1] == "Queries that are not the stack's own run only by their full name."


def test_json_has_typed_values_and_every_column() -> None:
    """A program would have to guess that "12" is a number."""
    result = Result(
        columns=["n", "share", "ok", "text", "text", "money"],
        rows=[["12", "0.5", "true", "12", None, "1.10"], ["-1", "NaN", "false", "", "x", None]],
        more=False,
        seconds=0,
        scanned_bytes=0,
        types=["bigint", "double", "boolean", "varchar", "varchar", "decimal(9,2)"],
    )
    assert result.records() == [
        {"n": 12, "share": 0.5, "ok": True, "text": "12", "text_2": None, "money": "1.10"},
        {"n": -1, "share": "NaN", "ok": False, "text": "", "text_2": "x", "money": None},
    ]


def test_ctrl_c_stops_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would scan on, and Athena bills what it scans."""

    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    with stubbed("athena") as (account, stub):
        monkeypatch.setattr(stub.client, "get_query_execution", interrupt)
        stub.add_response("start_query_execution", {"QueryExecutionId": "q1"})
        stub.add_response("stop_query_execution", {}, {"QueryExecutionId": "q1"})
        with pytest.raises(KeyboardInterrupt):
            run(account, ENVIRONMENT, "SELECT 1", "shop", limit=None)
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("reason", "step"),
    [
        ("COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved", "Correct the statement"),
        (
            "HIVE_CURSOR_ERROR: Failed to read file at s3://b/k: it is not gzip",
            "Look at the object",
        ),
        ("Insufficient permissions to execute the query. User: ...", "Ask for the permission"),
        ("Bytes scanned limit was exceeded", "Read less"),
        ("GENERIC_INTERNAL_ERROR: null", "Run it again"),
        ("Schema 'default' does not exist", "Create the database"),
        (
            "FAILED: SemanticException [Error 10072]: Database does not exist: x",
            "Create the database",
        ),
    ],
)
def test_the_next_step_suits_the_reason(reason: str, step: str) -> None:
    """A participant would look for a fault in a statement that has none."""
    assert next_step(reason).startswith(step)
