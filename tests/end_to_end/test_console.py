"""The exercise in a browser: everything that the guide asks for is done in the local console."""

import http.client
import re
from collections.abc import Iterator

import boto3
import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Scheme
from tests.support.checkout import Checkout, new_account, signed_in
from tests.support.failing_aws import Failing
from tests.support.local_console import (
    NARROW,
    SECONDS,
    UPGRADE,
    WIDE,
    Console,
    Runs,
    run_saved,
    running,
    runs_of,
    state,
    violations,
    write,
)
from tests.support.participant import JOB
from tests.support.stack import LITTLE, create, event_body
from workshop.environment import DEFAULT_STACK
from workshop.local_console.guide import steps

pytestmark = pytest.mark.slow

ENOUGH = ", 5, 20000"  # days and events of which enough interactions come for Personalize
NEVER_ENDS = "SELECT count(*) FROM " + ", ".join(
    f"UNNEST(sequence(1, 100000)) AS {name} (n)" for name in "abc"
)
EXPLORE, RUN, CHECK = "40-explore-with-athena", "60-run-the-job", "70-check-the-csv"


@pytest.fixture(scope="module")
def console(
    checkout: Checkout, server: Failing, owner: boto3.Session, account: str, browser: Browser
) -> Iterator[Console]:
    """A console on an environment of the event template, with the ready-made CSV."""
    create(owner, event_body(LITTLE), DEFAULT_STACK)
    checkout.enter(server, account)
    checkout.run("fallback")
    with running(checkout, browser) as console:
        yield console


@pytest.fixture
def untouched(fresh: Checkout, server: Failing, browser: Browser) -> Iterator[tuple[Console, Runs]]:
    """A console on an environment in which nothing was done, in an account of its own."""
    account = new_account()
    with signed_in(server, account) as owner:
        create(owner, event_body(ENOUGH), DEFAULT_STACK)
        fresh.enter(server, account)
        with running(fresh, browser) as console:
            yield console, runs_of(owner)


@pytest.fixture
def runs(owner: boto3.Session) -> Runs:
    return runs_of(owner)


def named(step: str) -> set[str]:
    """The numbers of the saved queries that a page of the guide names."""
    return {number for one in steps() if one.name == step for number in one.queries}


def test_the_whole_exercise(untouched: tuple[Console, Runs]) -> None:
    """Whoever learns offline would have to leave the page for a terminal."""
    console, runs = untouched
    with console.opened(EXPLORE) as page, console.opened(EXPLORE) as other:
        assert page.locator(".steps .done").count() == 0
        for number in sorted(named(EXPLORE)):
            run_saved(page, number)
        expect(page.get_by_role("link", name="Explore with Athena, done")).to_be_visible()

        run_saved(page, "02")
        expect(page.locator(".chart svg")).to_be_visible()
        messages = page.locator(".q-virtual-scroll__content tr").first.locator("td").last
        expect(messages).to_have_text(re.compile("[0-9]{4}"))
        page.get_by_role("button", name="messages").press("Enter")
        expect(messages).to_have_text(re.compile("^[0-9]{1,3}$"))
        with page.expect_download() as download:
            page.get_by_role("link", name="Download CSV").click()
        assert download.value.path().read_text().startswith("event,messages\n")

        page.goto(f"{console.root}/{RUN}")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(state(page)).to_have_text(re.compile("^Running"), timeout=SECONDS * 1000)
        run_saved(other, "03")
        page.reload()
        expect(state(page)).to_have_text(re.compile("^Running"))
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_disabled()
        expect(state(page)).to_have_text(re.compile("^Succeeded"), timeout=SECONDS * 1000)
        expect(state(other)).to_have_text(re.compile("^3 rows in"))
        expect(page.locator(".chart svg")).to_be_visible()
        expect(page.get_by_role("log")).to_contain_text("records_read")
        expect(page.locator(".counts")).to_contain_text("filtered other event")
        expect(page.get_by_role("link", name="Run the job, done")).to_be_visible()
        assert [run["JobRunState"] for run in runs()] == ["SUCCEEDED"]

        page.goto(f"{console.root}/{CHECK}")
        expect(state(page)).to_have_text("14 of 14 rules hold.")
        for number in sorted(named(CHECK)):
            run_saved(page, number)
        expect(page.get_by_role("link", name="Check the CSV, done")).to_be_visible()
        page.goto(f"{console.root}/{CHECK}?tool=Bucket")
        page.get_by_role("link", name="transformed/").click()
        page.get_by_role("link", name=re.compile("run-[0-9]+-part-r-00000.csv")).click()
        expect(page.locator("pre.code")).to_contain_text("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP")
        for folder in ("personalize-data-", "segment-logs", "website-prod", "^[0-9]{13}", "gz$"):
            page.locator(".tools").get_by_role("link", name=re.compile(folder)).first.click()
        expect(page.locator("pre.code")).to_contain_text('"messageId"')

        page.goto(f"{console.root}/90-clean-up")
        expect(state(page)).to_contain_text("things here")
        page.get_by_role("button", name="Delete the environment").click()
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text("personalize-data-")
        question.get_by_role("button", name="Delete it").click()
        expect(state(page)).to_contain_text("nothing left", timeout=SECONDS * 1000)
        expect(page.get_by_role("link", name="Clean up, done")).to_be_visible()


def test_a_bad_statement_is_explained(console: Console) -> None:
    """A learner makes mistakes: each has a cause and a next step."""
    with console.opened(EXPLORE) as page:
        for sql, said in (
            ("SELECT nonsense FROM segment_logs", "nonsense"),
            ("SELEKT 1", "Athena refused"),
        ):
            write(page, sql)
            page.get_by_role("button", name="Run", exact=True).click()
            problem = page.get_by_role("alert").filter(has_text=said)
            expect(problem).to_contain_text("Next: Correct the statement")
            expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()


def test_a_query_goes_on_over_a_reload_and_can_be_stopped(console: Console) -> None:
    """A query that nobody sees any more costs money all the same."""
    with console.opened(EXPLORE) as page:
        write(page, NEVER_ENDS)
        page.get_by_role("button", name="Run", exact=True).click()
        expect(state(page)).to_have_text(re.compile("^Running"))
        page.reload()
        expect(state(page)).to_have_text(re.compile("^Running"))
        expect(page.get_by_role("textbox", name="SQL statement")).to_contain_text("sequence")
        page.get_by_role("button", name="Stop").click()
        expect(state(page)).to_have_text("Cancelled")
        page.get_by_text("Recent queries").click()
        expect(page.locator(".history li").first).to_contain_text("cancelled")


def test_a_failing_job_says_why(console: Console, owner: boto3.Session, runs: Runs) -> None:
    """Nobody finds a traceback in a log group by themselves."""
    owner.client("glue").start_job_run(JobName=JOB)  # a run of another end, to look back at
    console.checkout.run("stop")
    with console.opened(RUN) as page:
        page.get_by_text("Arguments of the next run").click()
        page.get_by_label("--START_DATE").fill("2001-01-01")
        page.get_by_label("--END_DATE").fill("2001-01-02")
        before = len(runs())
        page.get_by_role("button", name="Run", exact=True).click()
        expect(state(page)).to_have_text(re.compile("^Failed"), timeout=SECONDS * 1000)
        expect(page.get_by_role("alert").filter(has_text="Nothing was read")).to_be_visible()
        assert len(runs()) == before + 1
        page.get_by_text("Past runs").click()
        page.locator(".history a").last.click()
        expect(state(page)).to_have_text(re.compile("^Stopped"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("step", "tool"),
    [
        (EXPLORE, "Queries"),
        ("50-read-the-job", "Job"),
        ("90-clean-up", "Bucket"),
        ("90-clean-up", "CSV"),
        ("90-clean-up", "Inventory"),
    ],
)
def test_everybody_can_use_it(console: Console, step: str, tool: str, scheme: Scheme) -> None:
    """A screen reader, a phone and a dark room are as good as any."""
    with console.opened(f"{step}?tool={tool}", scheme=scheme) as page:
        expect(page.locator(".tool h2")).to_be_visible()
        if tool == "Queries":
            page.get_by_role("button", name="Run", exact=True).click()
            expect(page.locator(".q-virtual-scroll__content tr").first).to_be_visible()
        # The dark scheme has other colours, and nothing else; they do not depend on the width.
        for width in (WIDE, NARROW) if scheme == "light" else (WIDE,):
            page.set_viewport_size({"width": width, "height": 900})
            assert violations(page, contrast=width == WIDE, others=scheme == "light") == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_is_enough(console: Console) -> None:
    """Tab would be lost in the editor."""
    with console.opened(EXPLORE) as page:
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the tools")).to_be_focused()
        page.keyboard.press("Enter")
        editor = page.get_by_role("textbox", name="SQL statement")
        for _ in range(12):
            page.keyboard.press("Tab")
            if editor.evaluate("it => it === document.activeElement"):
                break
        expect(editor).to_be_focused()
        page.keyboard.press("Control+Enter")
        expect(state(page)).to_have_text(re.compile("rows in"))
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).boxShadow") != "none"


def test_an_account_that_does_not_answer_is_said_and_mended(
    console: Console, server: Failing, account: str
) -> None:
    """The page would stay as it was, and seem to work."""
    with console.opened(EXPLORE) as page:
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
        server.throttle({account: 1})
        try:
            alert = page.get_by_role("alert").filter(has_text="too many requests")
            expect(alert).to_be_visible(timeout=60_000)
        finally:
            server.throttle({})
        expect(alert).to_be_hidden(timeout=60_000)
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()


def test_a_console_that_was_restarted_is_found_again(console: Console) -> None:
    """A laptop sleeps, a terminal is closed: the tab must not need to be."""
    with console.opened(EXPLORE) as page:
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
        console.stop()
        lost = page.get_by_role("alert").filter(has_text="Connection lost")
        expect(lost).to_be_visible()
        console.start()
        expect(lost).to_be_hidden(timeout=60_000)
        run_saved(page, "02")


def test_it_is_found_by_its_address(console: Console) -> None:
    """A second console on the same port, or a lost address, would end in a traceback."""
    command = console.checkout.run
    assert command("open", "console").stdout.strip() == console.url
    refused = command("console", "--listen", str(console.port), code=1).stderr
    assert f"Port {console.port} is in use" in refused
    assert "open console" in refused


@pytest.mark.usefixtures("console")
def test_on_an_account_it_says_which_and_asks(
    checkout: Checkout, browser: Browser, account: str, runs: Runs
) -> None:
    """A run costs money, and may be in the wrong account."""
    before = runs()
    with running(checkout, browser, "tests.support.on_aws") as other, other.opened(RUN) as page:
        banner = page.locator("header .danger")
        expect(banner).to_have_text(f"You are working on AWS account {account} in us-east-1")
        page.get_by_role("button", name="Run", exact=True).click()
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text(account)
        question.get_by_role("button", name="Cancel").click()
        expect(question).to_be_hidden()
    assert runs() == before


SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({}, True),
        ({"Origin": "ROOT"}, True),
        ({"Host": "evil.example"}, False),
        ({"Host": "127.0.0.1"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Cookie": ""}, False),
        ({"Cookie": "console-PORT=guessed"}, False),
    ],
)
@pytest.mark.parametrize("path", ["/", "/diagrams/data-flow.svg", SOCKET])
def test_only_its_own_pages_are_answered(
    console: Console, path: str, headers: dict[str, str], *, is_own: bool
) -> None:
    """A page of another site, or another user of this machine, would work in the account."""
    own = {"Host": f"127.0.0.1:{console.port}", "Cookie": f"console-PORT={console.key}"}
    if path == SOCKET:
        own |= UPGRADE
    given = {
        name: value.replace("ROOT", console.root).replace("PORT", str(console.port))
        for name, value in (own | headers).items()
    }
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=10)
    connection.request("GET", path, headers=given)
    answered = 101 if path == SOCKET else 200
    assert connection.getresponse().status == (answered if is_own else 403)
    connection.close()


def test_what_others_wrote_is_text(console: Console, owner: boto3.Session, account: str) -> None:
    """A visitor of the shop decides on an event's name, and must not decide on the page."""
    attack = "<img src=x onerror=\"document.title='run'\">"
    key = f"rejected/{attack}"
    bucket = f"personalize-data-{account}"
    owner.client("s3").put_object(Bucket=bucket, Key=key, Body=attack.encode())
    with console.opened(EXPLORE) as page:
        write(page, f"SELECT '{attack.replace(chr(39), chr(39) * 2)}' AS \"<b>x</b>\", 1 AS n")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator(".q-virtual-scroll__content")).to_contain_text(attack)
        expect(page.locator(".rows thead")).to_contain_text("<b>x</b>")
        page.goto(f"{console.root}/{EXPLORE}?tool=Bucket&key=rejected/")
        page.locator(".entries").get_by_role("link", name="onerror").click()
        expect(page.locator("pre.code")).to_have_text(attack)
        assert page.title() != "run"
    owner.client("s3").delete_object(Bucket=bucket, Key=key)


def test_no_page_has_a_secret_and_no_request_leaves_the_machine(console: Console) -> None:
    """A page sent to a colleague could expose the account; a request, who is learning here."""
    key = console.checkout.server.client_environment()["AWS_SECRET_ACCESS_KEY"]
    assert {step.tool for step in steps()} == {"Queries", "Job", "Bucket", "CSV", "Inventory"}
    with console.opened() as page:
        for step in steps():
            page.goto(f"{console.root}/{step.name}")
            expect(page.locator(".tool h2")).to_be_visible()
            assert key not in page.content()
            assert console.key not in page.content()
            assert page.evaluate("document.cookie") == ""
    assert len(console.requests) > 100
    assert console.hosts() == {f"127.0.0.1:{console.port}"}
