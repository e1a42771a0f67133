"""Athena's SQL on DuckDB, in process: nothing but tables is read, and what Trino has is had."""

import contextlib
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp

from embedded_aws.athena.engine import open_database
from embedded_aws.athena.errors import MalformedQueryError, QueryFailedError
from embedded_aws.athena.names import Relation
from embedded_aws.athena.sql import parse_query, translate
from embedded_aws.athena.tables import hive_type
from tests.support.athena import OUTSIDE


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


def nested(levels: int) -> str:
    """A cast in a cast, which has what it casts twice."""
    value = "event"
    for _ in range(levels):
        value = f"CAST(CAST({value} AS integer) AS varchar)"
    return f"SELECT {value} FROM segment_logs"


def chain(length: int) -> str:
    """Queries that each read the one before."""
    columns = ", ".join(f"event AS e{number}" for number in range(10))
    again = ", ".join(f"e{number}" for number in range(10))
    later = (f", t{n} AS (SELECT {again} FROM t{n - 1})" for n in range(1, length))
    first = f"WITH t0 AS (SELECT {columns} FROM segment_logs)"
    return f"{first}{''.join(later)} SELECT e1 FROM t{length - 1}"


@pytest.mark.parametrize(
    "text", [nested(3), chain(20), f"SELECT {'+'.join(['1'] * 900)} FROM segment_logs"]
)
def test_a_long_statement_is_translated(text: str) -> None:
    """Types are worked out once: again for each level, a chain of ten would take a year."""
    assert translate(parse_query(text), one_relation)


def test_a_statement_that_would_grow_without_end_is_refused() -> None:
    """One statement would take all memory of the embedded AWS."""
    with pytest.raises(QueryFailedError, match="statement is too large"):
        translate(parse_query(nested(12)), one_relation)
