"""The whole exercise by `up`, on an embedded AWS of its own: what it makes, says and shows.

The tests share the environment, and leave it as it was.
"""

import csv
import gzip
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from playwright.sync_api import Browser

from stacks.catalog import SEGMENT_LOG_COLUMNS
from tests.support import PROJECT
from tests.support.browser import opened
from tests.support.checkout import Checkout, session_of
from tests.support.expected_answers import EXPECTED, Data, Interaction, Record
from tests.support.guide import blocks
from tests.support.rehearsal import (
    BUCKET,
    as_texts,
    objects,
    rows_of_the_csv,
    shown_by_the_dashboard,
)
from tests.support.stack import DEFAULT_VOLUME

# Simulated and real events are mixed for who asks for both.
PARAMETERS = ("SegmentWorkspaceId=workspace1", "SampleData=yes")
GIVEN = [f"--cdk={word}" for parameter in PARAMETERS for word in ("--parameters", parameter)]
Boto3 = Any
# A fifth of the sample events: over so many days as at an event, and enough for Personalize.
EVENTS = 22_000
SUPPORTED = {"Product Clicked", "Product Added", "Order Completed"}


@pytest.fixture(scope="module")
def summary(checkout: Checkout) -> Iterator[dict[str, Any]]:
    """What the first `up` answered; at the end, `down` leaves nothing of it."""
    handler = checkout.path / "stacks/bucket_contents/handler.py"
    volume = f"{DEFAULT_VOLUME}, 30, {EVENTS}"
    handler.write_text(handler.read_text().replace(DEFAULT_VOLUME, volume))
    yield json.loads(checkout.run("up", "--json", *GIVEN).stdout)
    assert "nothing left" in checkout.run("down", "--yes").stderr
    assert not checkout.port_is_open()
    assert checkout.processes() == []


@pytest.fixture(scope="module")
def session(checkout: Checkout, summary: dict[str, Any]) -> boto3.Session:
    """The owner of the account, as soon as `up` has made the key."""
    assert summary
    return session_of(checkout.server)


@pytest.fixture(scope="module")
def s3(checkout: Checkout, session: boto3.Session) -> Boto3:
    return session.client("s3", endpoint_url=checkout.endpoint)


def test_up_does_the_whole_exercise(checkout: Checkout, summary: dict[str, Any]) -> None:
    """One command, and everything of the exercise has worked."""
    assert all(step["passed"] for step in summary["steps"])
    assert all(check["passed"] for check in summary["checks"])
    assert len(summary["queries"]) == 15
    assert all(query["row_count"] for query in summary["queries"])
    assert json.loads((checkout.path / "build/summary.json").read_text()) == summary


def test_what_the_cdk_is_given_is_there_and_stays(
    session: boto3.Session, checkout: Checkout, summary: dict[str, Any]
) -> None:
    """A parameter would have to be typed at every deployment."""
    name = summary["environment"]["outputs"]["SegmentRoleArn"].rsplit("/", 1)[-1]
    role = session.client("iam", endpoint_url=checkout.endpoint).get_role(RoleName=name)["Role"]
    assert "workspace1" in json.dumps(role["AssumeRolePolicyDocument"])


def test_the_job_accounts_for_every_record(summary: dict[str, Any]) -> None:
    """A record that is in no count has been lost silently."""
    counts = summary["job"]["accounting"]
    assert counts["records_read"] == (
        counts["kept"]
        + counts["duplicates"]
        + sum(counts["filtered"].values())
        + sum(counts["rejected"].values())
    )
    assert counts["duplicates"] > 0
    assert counts["rows_written"] == summary["interactions"]["rows"]


def test_the_dashboard_shows_what_happened(
    checkout: Checkout, session: boto3.Session, summary: dict[str, Any]
) -> None:
    """A dashboard that stays empty, or shows something else, is worse than none."""
    cloudwatch = session.client("cloudwatch", endpoint_url=checkout.endpoint)
    found = shown_by_the_dashboard(cloudwatch)
    counts = summary["job"]["accounting"]
    job = summary["environment"]["outputs"]["JobName"]
    for name in ("records_read", "kept", "duplicates", "rows_written"):
        assert found.pop(f"{job} {name}") == counts[name]
    for name in ("filtered", "rejected"):
        assert found.pop(f"{job} {name}") == sum(counts[name].values())
    assert found.pop(f"{job} started") == 1
    assert 0 < found.pop(f"{job} seconds") <= summary["job"]["seconds"]
    athena = "AWS/Athena ProcessedBytes QueryState {} QueryType DML WorkGroup segment-personalize"
    scanned = sum(query["scanned_bytes"] for query in summary["queries"])
    assert found.pop(athena.format("SUCCEEDED")) > scanned, "the queries, and the report's own"
    assert found.pop(athena.format("FAILED")) == 0
    assert found == {}


def test_the_report_shows_it(checkout: Checkout, summary: dict[str, Any], browser: Browser) -> None:
    """The page that an organizer opens first, as `up` wrote it."""
    file = checkout.path / "build" / "report.html"
    with opened(browser, file, scheme="dark") as it:
        assert f"{summary['interactions']['rows']:,} interactions" in it.page.inner_text("h1")
        assert it.page.locator(".chart svg").count() >= 8
        assert it.complaints == []
        assert it.requests == [file.as_uri()]


@pytest.fixture(scope="module")
def data(s3: Boto3, summary: dict[str, Any]) -> Data:
    """The raw logs and the CSV, as they are in the bucket."""
    assert summary["environment"]["outputs"]["BucketName"] == BUCKET
    records = []
    for key in objects(s3, "segment-logs/"):
        _, source, day, _ = key.split("/")
        body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        received = f"{datetime.fromtimestamp(int(day) / 1000, UTC):%Y-%m-%d}"
        lines = gzip.decompress(body).splitlines()
        records += [Record(source, received, json.loads(line)) for line in lines]
    return Data(records, [Interaction.of(row) for row in rows_of_the_csv(s3)])


def test_the_figures_are_what_the_logs_say(data: Data, summary: dict[str, Any]) -> None:
    """The report's numbers, computed in plain Python from the raw logs and the CSV."""
    figures = {
        name: [tuple(row.values()) for row in rows] for name, rows in summary["figures"].items()
    }
    names = Counter(it.event.get("event") or it.event["type"] for it in data.records)
    assert dict(figures["events"]) == {name: str(n) for name, n in names.items()}
    times = [record.moment for record in data.records]
    hours = Counter((f"{time:%Y-%m-%d}", str(time.hour)) for time in times)
    assert {(day, hour): int(n) for day, hour, n in figures["hours"]} == hours
    did = defaultdict[tuple[str, str], set[str]](set)
    for source, _, event in data.records:
        did[source, event.get("userId") or event["anonymousId"]].add(event.get("event", ""))
    steps = ("Product Clicked", "Product Added", "Order Completed")
    funnel = Counter(
        (source, step)
        for (source, _), events in did.items()
        for index, step in enumerate(steps)
        if {*steps[: index + 1]} <= events
    )
    assert {
        (source, step): int(n)
        for source, *counts in figures["funnel"]
        for step, n in zip(steps, counts, strict=True)
    } == funnel
    rows = data.interactions
    users = Counter(Counter(user for user, *_ in rows).values())
    assert {int(n): int(many) for n, many in figures["users"]} == users
    kinds = Counter((item, kind) for _, item, kind, _ in rows)
    items = Counter(item for _, item, *_ in rows)
    shown = list(dict.fromkeys(item for item, *_ in figures["items"]))
    assert shown == sorted(items, key=lambda item: (-items[item], item))[:15]
    product = {r.sku: r.event["properties"]["name"] for r in data.records if r.sku}
    assert {(item, kind): int(n) for item, _, kind, n in figures["items"]} == {
        key: n for key, n in kinds.items() if key[0] in shown
    }
    assert all(name == product[item] for item, name, *_ in figures["items"])


def test_the_csv_is_what_the_logs_say(data: Data, summary: dict[str, Any]) -> None:
    """The same records, computed in plain Python from the raw logs in the bucket."""
    expected: dict[str, list[Interaction]] = {}
    for record in data.records:
        event = record.event
        if event.get("event") not in SUPPORTED or not event.get("userId"):
            continue
        products = event["properties"].get("products", [])
        skus = [record.sku] if record.sku else [p["sku"] for p in products if p.get("sku")]
        second = int(record.moment.timestamp())
        expected[event["messageId"]] = [
            Interaction(event["userId"], sku, event["event"], second) for sku in skus
        ]
    assert len(data.records) == summary["job"]["accounting"]["records_read"]
    assert abs(len(data.records) - EVENTS) < 500
    assert sorted(data.interactions) == sorted(r for rows in expected.values() for r in rows)


@pytest.fixture(scope="module")
def answers(checkout: Checkout, summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the saved queries that read answer, by their numbers."""
    assert summary
    found = json.loads(checkout.run("query", "--all", "--json").stdout)
    return {answer["name"][:2]: answer | {"rows": as_texts(answer["rows"])} for answer in found}


def test_the_three_questions_have_the_exercises_answers(
    answers: dict[str, dict[str, Any]],
) -> None:
    """Participants compare what they see with the guide."""
    assert answers["01"]["columns"] == list(SEGMENT_LOG_COLUMNS)
    assert len(answers["01"]["rows"]) == 20
    numbers = [int(row[-1]) for row in answers["02"]["rows"]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) > len(SUPPORTED)
    assert {row[0] for row in answers["03"]["rows"]} == SUPPORTED


@pytest.mark.parametrize("number", EXPECTED)
def test_a_saved_query_answers_what_the_data_says(
    answers: dict[str, dict[str, Any]], data: Data, number: str
) -> None:
    """A query of the lesson that counts wrongly teaches something wrong."""
    rows = answers[number]["rows"]
    if number in {"02", "03"}:  # equal counts come in any order
        rows = sorted(rows, key=lambda row: (-int(row[1]), str(row[0])))
    assert rows == EXPECTED[number](data)


def test_the_samples_are_of_the_data(answers: dict[str, dict[str, Any]], data: Data) -> None:
    """Twenty rows that are not there would be the first thing that a participant sees."""
    message = answers["01"]["columns"].index("messageid")
    known = {record.event["messageId"] for record in data.records}
    assert all(row[message] in known for row in answers["01"]["rows"])
    rows = [Interaction.of(row) for row in answers["13"]["rows"]]
    assert len(rows) == 20
    assert set(rows) <= set(data.interactions)


def test_every_query_scans_its_table_once(answers: dict[str, dict[str, Any]], s3: Boto3) -> None:
    """What a participant pays for is what is scanned."""
    sizes: Counter[str] = Counter()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page["Contents"]:
            sizes[item["Key"].split("/")[0]] += item["Size"]
    scanned = {number: answer["scanned_bytes"] for number, answer in answers.items()}
    assert scanned == {
        number: sizes["segment-logs" if number < "13" else "transformed"] for number in answers
    }


@pytest.mark.slow
def test_up_again_changes_nothing(checkout: Checkout, s3: Boto3, summary: dict[str, Any]) -> None:
    """Somebody who is not sure runs it again."""
    before = objects(s3, "")
    done = checkout.run("up", "--json")
    assert re.findall(r"\[(\d)/7\]", done.stderr) == [*"1234567"]
    again = json.loads(done.stdout)
    assert objects(s3, "") == before
    assert again["queries"] == summary["queries"]
    assert again["job"] == summary["job"]
    results = {step["name"]: step["result"] for step in again["steps"]}
    assert all("by an earlier run" in results[name] for name in ("Saved queries", "Glue job"))
    assert again["environment"]["outputs"] == summary["environment"]["outputs"]


@pytest.mark.usefixtures("summary")
def test_status_and_saved_queries_are_listed(checkout: Checkout) -> None:
    """Who comes later finds out what is there."""
    status = checkout.run("status").stdout
    assert "CREATE_COMPLETE" in status
    assert BUCKET in status
    assert "console.aws" not in status, "the embedded AWS has no console"
    listed = checkout.run("query").stdout
    assert "02 Which event types are there" in listed


def test_query_runs_all_that_read(
    checkout: Checkout, answers: dict[str, dict[str, Any]], summary: dict[str, Any]
) -> None:
    """One command shows that the whole lesson works."""
    names = [answer["name"] for answer in answers.values()]
    assert names == [query["name"] for query in summary["queries"]]
    listed = checkout.run("query", "--csv").stdout
    assert {*names} < {row[0] for row in csv.reader(io.StringIO(listed))}


@pytest.mark.slow
def test_the_table_made_by_hand_answers_as_the_stacks_table_does(
    checkout: Checkout, answers: dict[str, dict[str, Any]]
) -> None:
    """The DDL of the lesson gives a table for its questions; what it made can be removed again."""
    checkout.run("query", "04")
    checkout.run("query", "05")
    for number in ("02", "03", "08", "09", "12"):
        (path,) = (PROJECT / "athena").glob(f"{number}*.sql")
        sql = path.read_text().replace("FROM segment_logs", "FROM default.segment_logs")
        (by_hand,) = json.loads(checkout.run("query", "--json", "--sql", sql).stdout)
        rows = as_texts(by_hand["rows"])
        assert sorted(rows, key=str) == sorted(answers[number]["rows"], key=str)
    made, read = (sql for sql in blocks("sql") if "two_traits" in sql and "DROP" not in sql)
    checkout.run("query", "--sql", made.replace("personalize-data-<account id>", BUCKET))
    (found,) = json.loads(checkout.run("query", "--json", "--sql", read).stdout)
    assert {row["campaign_name"] for row in found["rows"]} == {None}  # as the guide says
    assert all(row["favorite_departments"] for row in found["rows"])
    for statement in (sql for sql in blocks("sql") if "DROP" in sql):
        checkout.run("query", "--sql", statement)
    checkout.run("query", "--sql", "DROP DATABASE default")


def test_athena_counts_as_the_job_does(checkout: Checkout, summary: dict[str, Any]) -> None:
    """An attentive participant would think that one of the two counts wrongly."""
    (statement,) = (sql for sql in blocks("sql") if "AS verdict" in sql)
    (answer,) = json.loads(checkout.run("query", "--json", "--sql", statement).stdout)
    counts = summary["job"]["accounting"]
    found = {row["verdict"]: (row["records"], row["messages"]) for row in answer["rows"]}
    kept, messages = found.pop("kept")
    assert (kept - messages, messages) == (counts["duplicates"], counts["kept"])
    filtered = {reason: number for reason, number in counts["filtered"].items() if number}
    assert {reason: records for reason, (records, _) in found.items()} == filtered


@pytest.mark.slow
def test_verify_fails_and_says_why_when_something_strays(checkout: Checkout, s3: Boto3) -> None:
    """A marker file would fail the import an hour later."""
    assert "13" not in checkout.run("verify").stderr
    s3.put_object(Bucket=BUCKET, Key="transformed/_SUCCESS", Body=b"")
    try:
        error = checkout.run("verify", code=1)
    finally:
        s3.delete_object(Bucket=BUCKET, Key="transformed/_SUCCESS")
    assert "_SUCCESS" in error.stdout
    assert "No stray files" in error.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("summary")
def test_a_closed_pipe_ends_a_query_quietly(checkout: Checkout) -> None:
    """`workshop query --csv ... | head -1` has what it wants."""
    process = checkout.start("query", "--csv", "--sql", "SELECT * FROM segment_logs LIMIT 20000")
    assert process.stdout
    assert process.stdout.readline().startswith("anonymousid,")
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr
    assert process.stderr.read() == ""
