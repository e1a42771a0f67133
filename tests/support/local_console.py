"""The local console of a checkout, in a browser: what a person does in it, and what it requests."""

import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import AXE, Scheme
from tests.support.checkout import Checkout, free_port
from tests.support.participant import JOB

SECONDS = 120  # for a run of the job, on a busy machine
WIDE, NARROW = 1280, 390
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
Runs = Callable[[], Any]
expect.set_options(timeout=30_000)


@dataclass
class Console:
    """A console that runs.

    Attributes:
        checkout: whose it is.
        port: where it listens.
        url: its address, with the key.
        program: the module that is run: the command line, or one that stands for it.
        process: what serves it.
        requests: every URL that its pages have asked for.
    """

    checkout: Checkout
    port: int
    browser: Browser
    program: str = "workshop"
    url: str = ""
    process: subprocess.Popen[str] | None = None
    requests: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        return self.url.partition("/?")[0]

    @property
    def key(self) -> str:
        return self.url.partition("key=")[2]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = self.checkout.start(
            "console", "--listen", str(self.port), program=self.program, PYTEST_CURRENT_TEST=None
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        while self.process.poll() is None and not self._answers():
            pass
        assert self.process.poll() is None, self.process.communicate()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.root, timeout=5)  # noqa: S310 - loopback
        except urllib.error.HTTPError:
            return True  # it refuses whoever has no key
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Press Ctrl-C."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)

    @contextmanager
    def opened(self, path: str = "", *, scheme: Scheme = "light") -> Iterator[Page]:
        """Open a tab of a browser that has the key."""
        context = self.browser.new_context(
            color_scheme=scheme, viewport={"width": WIDE, "height": 900}
        )
        context.set_default_timeout(30_000)
        context.on("request", lambda request: self.requests.append(request.url))
        page = context.new_page()
        page.goto(self.url)
        if path:
            page.goto(f"{self.root}/{path}")
        yield page
        context.close()

    def hosts(self) -> set[str]:
        """Where its pages' requests went."""
        addresses = {url for url in self.requests if not url.startswith(("data:", "blob:"))}
        return {urlsplit(url).netloc for url in addresses}


@contextmanager
def running(checkout: Checkout, browser: Browser, program: str = "workshop") -> Iterator[Console]:
    """Run a console of a checkout."""
    console = Console(checkout, free_port(), browser, program)
    console.start()
    yield console
    console.stop()
    assert console.hosts() <= {f"127.0.0.1:{console.port}"}, "a request left the machine"


def runs_of(owner: boto3.Session) -> Runs:
    """The job's runs, newest first, whenever it is called."""
    glue = owner.client("glue")
    return lambda: glue.get_job_runs(JobName=JOB)["JobRuns"]


def state(page: Page) -> Locator:
    """What the tool says about the query or the run."""
    return page.locator(".tool .state").first


def run_saved(page: Page, number: str) -> None:
    """Open a saved query by its link in the guide, run it, and wait for its answer."""
    guide = page.locator(".nicegui-markdown")
    guide.get_by_role("link", name=re.compile(f"^{number} ")).first.click()
    expect(page.get_by_label("Saved query")).to_have_value(re.compile(number))
    page.get_by_role("button", name="Run", exact=True).click()
    expect(state(page)).to_have_text(re.compile("rows? in|Done in"))


def write(page: Page, sql: str) -> None:
    """Replace the statement in the editor."""
    editor = page.get_by_role("textbox", name="SQL statement")
    expect(editor).not_to_have_text("")  # it has its own statement first
    editor.press("ControlOrMeta+a")  # by the editor's own key: it sees other selections later
    page.keyboard.insert_text(sql)


def violations(page: Page, *, contrast: bool = True, others: bool = True) -> list[str]:
    """What axe-core has against the page as it is: its contrast, which takes longest, and others.

    Args:
        page: what is shown.
        contrast: whether that rule is wanted.
        others: whether the rules are that do not depend on colours.
    """
    page.evaluate(AXE.read_text(encoding="utf-8"))
    every = {"rules": {"color-contrast": {"enabled": contrast}}}
    colours = {"runOnly": ["color-contrast", "link-in-text-block"]}
    answer = page.evaluate("options => axe.run(options)", every if others else colours)
    assert ("color-contrast" in {rule["id"] for rule in answer["passes"]}) == contrast
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in answer["violations"]
        for node in rule["nodes"]
    ]
