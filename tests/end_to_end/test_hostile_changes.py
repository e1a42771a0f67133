"""What participants can change, against the organizer's commands: queries, script, CSV and job."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.event import ESCAPES, SHOWN, Event, new_event
from tests.support.failing_aws import Failing
from tests.support.participant import DATABASE, JOB, SCRIPT, WORKGROUP
from tests.support.terminal import ACTIVE

pytestmark = pytest.mark.slow

PRINTED = [f"hello {ESCAPES} [red]x[/] [/oops]", 'ACCOUNTING {"a": {"b": "c"}}', "bye"]
HEADER = b"USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n"


@pytest.fixture(scope="module")
def event(server: Failing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Event]:
    """An environment in which one of the stack's queries is gone."""
    with new_event(server, tmp_path_factory.mktemp("event")) as event:
        athena = event.owner.client("athena")
        pages = athena.get_paginator("list_named_queries").paginate(WorkGroup=WORKGROUP)
        ids = [query_id for page in pages for query_id in page["NamedQueryIds"]]
        saved = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
        (query,) = (
            one
            for one in saved
            if one["Name"] == "06 Events a day by source" and "pwned" not in one["QueryString"]
        )
        athena.delete_named_query(NamedQueryId=query["NamedQueryId"])
        yield event


@pytest.fixture(scope="module")
def ran(event: Event) -> tuple[int, str, dict[str, Any]]:
    """A run of a script that a participant has edited: exit code, what is shown, last run."""
    script = f"for line in {PRINTED!a}:\n    print(line)\n"
    event.participant("s3").put_object(Bucket=event.bucket, Key=SCRIPT, Body=script.encode())
    code, shown = event.on_a_terminal("run-job")
    return code, shown, json.loads(event.run("status", "--json", code=1).stdout)["last_run"]


@pytest.fixture
def hostile_csv(event: Event, ran: object) -> Iterator[None]:
    """Files that a run may have written; they go again."""
    assert ran
    event.put("transformed/a.csv", HEADER + b"u,i,e," + b"1" * 5000 + b"\n")
    event.put("transformed/b.csv", HEADER + b"u,i,e,1700000000\n" + b"x" * 2**24)
    event.put(f"transformed/{ESCAPES}", b"")
    yield
    s3 = event.owner.client("s3")
    for name in ("a.csv", "b.csv", ESCAPES):
        s3.delete_object(Bucket=event.bucket, Key=f"transformed/{name}")


def test_a_deleted_query_is_missed_and_the_others_run(event: Event) -> None:
    """One that is gone must not make way for a participant's of the same number."""
    assert "no Athena06" in event.run("status", code=1).stderr
    assert len(json.loads(event.run("query", "--all", "--json").stdout)) == 14
    assert "No saved query matches" in event.run("query", "06", code=1).stderr
    assert "--yes" in event.run("query", "06 Events a day by source", code=1).stderr
    assert "pwned" not in event.databases()


def test_another_stack_s_name_is_an_error_with_a_next_step(event: Event) -> None:
    """A traceback about an output helps nobody."""
    event.owner.client("cloudformation").create_stack(
        StackName="Another",
        TemplateBody='{"Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}}',
    )
    error = event.checkout.run("status", "--stack", "Another", code=1).stderr
    assert "has no output BucketName" in error
    error = event.checkout.run("status", "--stack", "Nope", code=1).stderr
    assert "Use what is deployed: --stack Event; or deploy Nope: make up" in error


def test_an_edited_script_s_log_neither_acts_nor_stops_anything(
    ran: tuple[int, str, dict[str, Any]],
) -> None:
    """The log lines and the accounting are whatever a participant's script prints."""
    status, shown, last = ran
    assert status == 0
    assert f"hello {SHOWN} [red]x[/] [/oops]" in shown
    for active in ACTIVE:
        assert active not in shown
    assert shown.count("cannot be read") == 1
    assert last["state"] == "SUCCEEDED"
    assert last["accounting"] is None
    assert "not an object with records_read" in last["complaint"]


@pytest.mark.usefixtures("hostile_csv")
def test_the_report_says_what_cannot_be_read(event: Event) -> None:
    """An edited script, and a CSV of any content, must not take it away from the organizer."""
    error = event.run("report", code=1).stderr
    assert "Athena did not answer" in error
    page = (event.checkout.path / "build" / "report.html").read_text()
    assert "The accounting of the job cannot be read" in page
    assert "a.csv, line 2: a number of 5,000 digits" in page
    assert "b.csv, line 3 has more than 1,048,576 characters" in page
    assert "02 Which event types are there" in page
    assert "salaries" not in page


@pytest.mark.parametrize(
    "command",
    [
        {"Name": "glueetl"},
        {"Name": "glueetl", "ScriptLocation": "s3://"},
        {"Name": "glueetl", "ScriptLocation": "s3://no_such bucket/x"},
        {"Name": "glueetl", "ScriptLocation": "s3://somebody-elses/x"},
        {"Name": "glueetl", "ScriptLocation": f"s3://BUCKET/{'x' * 3000}"},
    ],
)
def test_an_edited_job_is_a_failed_check(event: Event, command: dict[str, str]) -> None:
    """Its arguments and its script's place are the participants' to change."""
    glue = event.participant("glue")
    job = glue.get_job(JobName=JOB)["Job"]
    update = {"Role": job["Role"], "Command": command}
    glue.update_job(JobName=JOB, JobUpdate=update)
    try:
        error = event.run("status", code=1).stderr
        assert re.search(r"Job \((no script that can be read at|HeadObject says)", error)
        assert "Next:" in event.run("run-job", "--number-of-workers", "3", code=1).stderr
    finally:
        kept = ("Role", "Command", "DefaultArguments", "GlueVersion", "Timeout")
        glue.update_job(JobName=JOB, JobUpdate={name: job[name] for name in kept})


def test_who_misses_a_table_of_the_stack_is_told_how_to_have_it_again(event: Event) -> None:
    """The statement has no fault, and no run of the job makes the table."""
    glue: Any = event.owner.client("glue")
    name = {"DatabaseName": DATABASE, "Name": "segment_logs"}
    table = glue.get_table(**name)["Table"]
    glue.delete_table(**name)
    try:
        own = ("query", "--sql", "SELECT 1 FROM segment_logs")
        for command in (("query", "08"), ("query", "08", "--csv"), ("report",), own):
            error = event.run(*command, code=1).stderr
            assert "TABLE_NOT_FOUND" in error
            there = f"--local {event.checkout.port} --stack Event"
            assert f"deploy it again as before: workshop {there} down" in error
        wrong = event.run("query", "--sql", "SELECT 1 FROM segment_log", code=1).stderr
        assert "Correct the statement" in wrong
    finally:
        kept = ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
        made = {key: table[key] for key in kept if key in table}
        glue.create_table(DatabaseName=DATABASE, TableInput=made)
