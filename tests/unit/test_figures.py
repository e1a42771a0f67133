"""The report's own statements: each one that Athena takes, and an error that says which failed."""

from pathlib import Path

import boto3
import pytest
import sqlfluff
import sqlglot

from workshop import athena, figures
from workshop.account import Account
from workshop.environment import Environment
from workshop.errors import WorkshopError

ENVIRONMENT = Environment("Workshop", "arn", "CREATE_COMPLETE", {"DatabaseName": "shop"})


@pytest.mark.parametrize("path", figures.STATEMENTS.values(), ids=lambda path: path.stem)
def test_it_is_one_statement_of_athena(path: Path) -> None:
    """The report would end with an error after a job that took minutes."""
    text = path.read_text(encoding="utf-8")
    assert len(sqlglot.parse(text, read="athena")) == 1
    sqlfluff.parse(text, dialect="athena")
    assert text.startswith("-- "), "the first line says what the figure shows"


def test_one_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five statements run one after the other: the message must say which to look at."""

    def run(*_: object, **__: object) -> athena.Result:
        raise WorkshopError("The query failed: no such column", "Correct the statement")

    monkeypatch.setattr(athena, "run", run)
    account = Account(boto3.Session(region_name="us-east-1"), None)
    with pytest.raises(WorkshopError, match=r"events\.sql: The query failed: no such column"):
        figures.compute(account, ENVIRONMENT, "events")


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (["records", "name"], [["1", "a"]]),
        (["name"], [["a"]]),
        (["name", "records"], [["a", "many"]]),
        (["name", "records"], [["a", None]]),
        (["name", "records"], [["a", "1" * 5000]]),
        (["name", "records"], [["a", "\u0661"]]),
    ],
)
def test_an_answer_that_was_written_over_is_an_error(
    monkeypatch: pytest.MonkeyPatch, columns: list[str], rows: list[list[str | None]]
) -> None:
    """Participants may write into athena-results/, from where Athena answers."""
    result = athena.Result(columns, rows, more=False, seconds=1, scanned_bytes=1)
    monkeypatch.setattr(athena, "run", lambda *_, **__: result)
    account = Account(boto3.Session(region_name="us-east-1"), None)
    with pytest.raises(WorkshopError, match=r"events\.sql: Athena's answer is not"):
        figures.compute(account, ENVIRONMENT, "events")


def test_a_shop_s_visitors_cannot_make_a_figure_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site's write key is public: an event may have any name, of any length."""
    limits = []

    def run(*_: object, limit: int, **__: object) -> athena.Result:
        limits.append(limit)
        return athena.Result(["name", "records"], [["x" * 9000, "1"]], True, 1, 1)  # noqa: FBT003

    monkeypatch.setattr(athena, "run", run)
    account = Account(boto3.Session(region_name="us-east-1"), None)
    (row,) = figures.compute(account, ENVIRONMENT, "events")
    assert row == {"name": "x" * figures.LONGEST_VALUE, "records": "1"}
    assert limits == [figures.MOST_ROWS]
