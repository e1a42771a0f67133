"""The guide's pages say what is so: quotations, numbers, commands and pictures.

Its SQL runs on the embedded AWS (tests/end_to_end), its names are held against the template by
test_event_package.py, its AWS commands against the services by test_commands_of_the_pages.py.
"""

import base64
import hashlib
import json
import re
import shlex
import subprocess
import textwrap
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from release.event_package import DIAGRAMS, GUIDE
from release.pictures import PICTURES as TAKEN
from stacks.bucket_contents.simulated_shop import log_files
from stacks.etl import SCRIPT
from tests.support import PROJECT, reference
from tests.support import expected_answers as answers
from tests.support.guide import PAGES, blocks
from tests.support.templates import event_template
from workshop.interactions import HEADER, MIN_INTERACTIONS
from workshop.verification import MIN_USERS

# The day whose numbers the guide shows, as its first page says.
MADE_ON = date(2026, 3, 1)


@pytest.fixture(scope="module")
def scripts() -> list[str]:
    """The job's script as the Glue console shows it: the template's and that of `cdk deploy`."""
    objects = event_template()["Resources"]["ContentsSampleData"]["Properties"]["Objects"]
    (text,) = objects.values()
    return [str(text), SCRIPT.read_text(encoding="utf-8")]


@pytest.mark.parametrize("quoted", blocks("python"))
def test_the_script_is_quoted_as_it_is(scripts: list[str], quoted: str) -> None:
    """Participants look for the lines that the guide shows, which it moves to the margin."""
    lines = textwrap.dedent(quoted)
    for script in scripts:
        assert any(textwrap.indent(lines, " " * blanks) in script for blanks in (0, 4, 8))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[answers.Data, reference.Result]:
    """What an account made on that day has: its logs, and what the job makes of them."""
    folder = tmp_path_factory.mktemp("logs")
    for log in log_files(MADE_ON):
        path = folder / log.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log.body)
    result = reference.transform(folder, datetime(2026, 3, 2, tzinfo=UTC))
    records = []
    for path in reference.files(folder, None, None):
        source, day = path.relative_to(folder).parts[:2]
        received = f"{datetime.fromtimestamp(int(day) / 1000, UTC):%Y-%m-%d}"
        lines, _ = reference.lines(path)
        records += [answers.Record(source, received, json.loads(line)) for line in lines]
    rows = [answers.Interaction(user, item, event, at) for at, user, item, event, *_ in result.rows]
    return answers.Data(records, rows), result


@pytest.mark.slow
def test_the_sample_data_satisfies_amazon_personalize(
    made: tuple[answers.Data, reference.Result],
) -> None:
    """A participant's import would succeed, and the training then refuse the data."""
    data, _ = made
    users = Counter(one.user for one in data.interactions)
    events = Counter(one.event for one in data.interactions)
    assert users.total() > 10_000
    assert sum(count > 1 for count in users.values()) > 1_000
    assert set(events) == {"Product Clicked", "Product Added", "Order Completed"}
    assert events["Order Completed"] >= 500
    assert 1_000 < len({one.item for one in data.interactions}) <= 2_100
    assert abs(len(data.records) - 100_000) < 2_000


def table(page: str, header: str) -> list[list[str | None]]:
    """The rows of the tables with this header on a page; an empty cell is None."""
    found = re.findall(
        rf"^\| {re.escape(header)} \|\n\|[-: |]+\|\n((?:\|.*\n)+)", page, re.MULTILINE
    )
    lines = [line for rows in found for line in rows.splitlines()]
    return [[cell.strip() or None for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.slow
def test_the_numbers_are_those_of_the_day_that_the_guide_names(
    made: tuple[answers.Data, reference.Result],
) -> None:
    """Participants compare what they see with the guide."""
    data, result = made
    assert f"{MADE_ON:%-d %B %Y}" in PAGES["guide"]
    explore = PAGES["40-explore-with-athena"]
    events = table(explore, "event | messages")
    assert events == answers.event_types(data) + answers.events_with_a_product(data)
    website = answers.funnel(data)[-1]
    first = answers.top_products(data)[0]
    ((devices, sessions, _),) = answers.sessions(data)
    for said in (
        f"of {website[1]} devices on the website that clicked a product, {website[2]} added",
        f"one to the cart, and {website[3]} ordered",
        f"{first[1]} leads with {first[2]} clicks",
        f"{devices} devices made {sessions} visits",
    ):
        assert said in explore
    counted = Counter(verdict(record) for record in data.records)
    messages = {
        one: len({r.event["messageId"] for r in data.records if verdict(r) == one})
        for one in counted
    }
    check = PAGES["70-check-the-csv"]
    assert table(check, "verdict | records | messages") == [
        [name, str(number), str(messages[name])] for name, number in counted.most_common()
    ]
    visitors = answers.visitors_and_duplicates(data)
    repeated = sum(int(str(duplicates)) for _, _, duplicates, _ in visitors)
    assert f"duplicates of all kinds of events, {repeated} of" in check
    assert all(20 <= int(str(percent)) <= 30 for *_, percent in visitors)  # "a quarter"
    log, csv = blocks("text")
    assert accounting(log) == result.accounting
    assert csv.splitlines() == [
        ",".join(HEADER),
        *(
            ",".join(map(str, (one.user, one.item, one.event, one.second)))
            for one in data.interactions[:3]
        ),
    ]
    orders = answers.interactions_by_type(data)[-1][1]
    item, count, *_ = answers.top_items(data)[0]
    ((rows, users, enough, _, _),) = answers.enough_to_train(data)
    for said in (
        f"{orders} are orders",
        f"{item} leads with {count}",
        f"{rows} interactions of {users} users, {enough} of whom have two or more",
        f"Personalize needs {MIN_INTERACTIONS} interactions and {MIN_USERS} such users",
    ):
        assert said in check
    assert len(answers.interactions_by_day(data)) == 30  # as the page says


def verdict(record: answers.Record) -> str:
    """What the guide's statement says of a record of the sample logs."""
    event = record.event
    if event.get("event") not in reference.EVENTS:
        return "other event"
    return "kept" if event["userId"] else "no userId"


def accounting(log: str) -> dict[str, Any]:
    """The counts of the job's log, nested as the job nests them."""
    counts: dict[str, Any] = {}
    for line in log.splitlines():
        name, number, reason = line.split(" ", 2)
        if reason == "in all":
            counts[name] = int(number)
        elif name == "other_events":
            counts[name] = json.loads(reason.partition(": ")[2])
            assert len(counts[name]) == int(number)
        else:
            counts.setdefault(name, {})[reason] = int(number)
    return counts


def test_the_schema_is_the_csvs() -> None:
    """The import would fail on the last page. The types are those that Personalize documents."""
    (schema,) = (block for block in map(json.loads, blocks("json")) if "fields" in block)
    assert [field["name"] for field in schema["fields"]] == HEADER
    assert {field["name"]: field["type"] for field in schema["fields"]} == {
        **dict.fromkeys(HEADER, "string"),
        "TIMESTAMP": "long",
    }
    assert (schema["type"], schema["name"]) == ("record", "Interactions")
    assert (schema["namespace"], schema["version"]) == ("com.amazonaws.personalize.schema", "1.0")


@pytest.mark.parametrize("sql", blocks("sql"))
def test_sql_is_a_saved_query_as_it_is_or_is_run(sql: str) -> None:
    """A participant would compare two statements that differ, or run one that nobody has tried."""
    saved = [
        re.sub(r"^-- .+\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE).replace(
            "${DataBucket}", "personalize-data-<account id>"
        )
        for path in (PROJECT / "athena").glob("*.sql")
    ]
    # Those that a participant of tests/end_to_end runs.
    own = ("default.two_traits", "default.segment_logs", "AS verdict", "products IS NOT NULL\n")
    assert textwrap.dedent(sql) in saved or any(words in sql for words in own)


def test_every_saved_query_is_on_a_page() -> None:
    """Somebody who reads would have to open the console to see what a query does."""
    pages = "\n".join(PAGES.values())
    for path in (PROJECT / "athena").glob("*.sql"):
        name = re.findall(r"^-- name: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert f"`{name[0]}`" in pages


LESSON = [name for name in PAGES if name != "guide"]


@pytest.mark.parametrize("name", LESSON)
def test_a_page_has_its_parts(name: str) -> None:
    """A participant would not know how long it takes, what to look for, or what to do if not."""
    text = PAGES[name]
    assert re.search(r"^\*\*Time:\*\* .+\*\*Goal:\*\* ", text, re.MULTILINE | re.DOTALL)
    assert "**You should see**" in text or "You should see" in text
    assert text.count("\n## Check yourself\n") == 1
    question = text.partition("\n## Check yourself\n")[2]
    assert '<details markdown="1">\n<summary>Answer</summary>\n\n' in question
    assert text.count('<details markdown="1">') == text.count("\n\n</details>\n")


def test_the_pages_lead_from_one_to_the_next() -> None:
    """On a code host nothing else does."""
    ways_in = LESSON[:3]
    after = [*LESSON[3:], None]
    for name in LESSON:
        last = PAGES[name].rstrip().rpartition("\n\n")[2]
        links = re.findall(r"\(\.\./([^)]*)index\.en\.md\)", last)
        assert "" in links  # the overview
        following = after[0] if name in ways_in else after[after.index(name) + 1]
        assert following is None or f"{following}/" in links


def test_the_test_event_becomes_an_interaction(httpserver: HTTPServer) -> None:
    """The first event that somebody sends would be filtered, or never leave the machine.

    Source of the request's form: twilio.com/docs/segment/connections/sources/catalog/libraries/
    server/http-api, and of the record that it becomes: segment-docs, partners/spec.
    """
    (command,) = (block for block in blocks("bash") if block.startswith("curl"))
    words = shlex.split(command.replace("\\\n", ""))
    httpserver.expect_request("/v1/track", method="POST").respond_with_data("")
    words = [
        word.replace("https://api.segment.io", f"http://127.0.0.1:{httpserver.port}")
        for word in words
    ]
    subprocess.run([*words, "--silent", "--fail", "--noproxy", "*"], check=True, timeout=30)
    ((request, _),) = httpserver.log
    assert request.headers["Content-Type"] == "application/json"
    key = request.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(key) == b"<write key>:"
    record = {"messageId": "m", "timestamp": "2026-03-01T12:00:00.000Z", "type": "track"}
    line = json.dumps(record | json.loads(request.get_data())).encode()
    now, fields = datetime(2026, 3, 2, tzinfo=UTC), reference.Fields()
    became = reference.judge(line, reference.EVENTS, now, fields)
    assert became == ("m", (1772366400, "user-000001", "Product Clicked", [("SKU-000001", "")]))


@pytest.mark.parametrize("source", sorted(DIAGRAMS.glob("*.d2")), ids=lambda path: path.stem)
def test_the_diagrams_are_drawn_from_their_source(source: Path) -> None:
    """A picture would be out of date (`make diagrams`), or unreadable in the dark."""
    drawn = source.with_suffix(".svg").read_text(encoding="utf-8")
    assert hashlib.sha256(source.read_bytes()).hexdigest() in drawn
    assert "@media screen and (prefers-color-scheme:dark)" in drawn
    assert not re.search(r"""(href|src)=["'](?!#)|url\(["']?http""", drawn)
    pages = (PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md"))
    assert any(f"diagrams/{source.stem}.svg)" in page.read_text() for page in pages)


PICTURES = sorted((GUIDE / "pictures").iterdir())
MOST_BYTES, LEAST_POINTS = 80_000, 12


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_described_labelled_and_readable(picture: Path) -> None:
    """Readers would take the local console for AWS's, or could not read a drawing on a phone."""
    pattern = rf"!\[([^]]+)\]\(\.\./pictures/{re.escape(picture.name)}\)\n\n\*(.+?)\*\n"
    shown = [found for page in PAGES.values() for found in re.findall(pattern, page, re.DOTALL)]
    assert shown
    label = "Drawing of" if picture.suffix == ".svg" else "The local console"
    assert all(len(alt) > len(label) and caption.startswith(label) for alt, caption in shown)
    assert picture.stat().st_size < MOST_BYTES
    if picture.suffix == ".svg":
        drawn = picture.read_text(encoding="utf-8")
        assert "@media (prefers-color-scheme: dark)" in drawn
        assert min(map(int, re.findall(r"font: (\d+)px", drawn))) >= LEAST_POINTS
        assert re.findall(r"(?:href|src)=|url\(", drawn) == []


def test_the_command_takes_every_picture_of_the_console() -> None:
    """One that no command takes would age."""
    assert {path.stem for path in PICTURES if path.suffix == ".webp"} == set(TAKEN)
