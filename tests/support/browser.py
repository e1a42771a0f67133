"""The report in a real browser: Chromium, which the machine must have."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import PROJECT

AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"
# No sandbox as root, and nothing that Chromium would do on its own. The name evil.example leads to
# this machine.
OPTIONS = [
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
Scheme = Literal["light", "dark"]


@dataclass
class Opened:
    """A page that was opened from a file, and what came of it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def violations(self) -> list[str]:
        """What axe-core has against the page, with everything unfolded."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        self.page.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")
        answer = self.page.evaluate("axe.run()")
        assert "color-contrast" in {rule["id"] for rule in answer["passes"]}
        return [
            f"{rule['help']}: {node['html']}"
            for rule in answer["violations"]
            for node in rule["nodes"]
        ]


def chromium() -> str:
    """Where Chromium is; without one the test is skipped, or fails where one must be there."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    missing = "The report is not tested in a browser: install Chromium (apt-get install chromium)"
    if os.environ.get("REQUIRE_CHROMIUM"):
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def launched() -> Iterator[Browser]:
    """Run Chromium."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@contextmanager
def opened_at(browser: Browser, url: str) -> Iterator[Page]:
    """Open a page of a site."""
    page = browser.new_page()
    page.goto(url)
    yield page
    page.close()


@contextmanager
def opened(
    browser: Browser, file: Path, *, scheme: Scheme = "light", width: int = 1200
) -> Iterator[Opened]:
    """Open a file, note what the console says and what is requested, and close it again."""
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    result = Opened(page)
    page.on("console", lambda message: result.complaints.append(message.text))
    page.on("pageerror", lambda error: result.complaints.append(str(error)))
    page.on("request", lambda request: result.requests.append(request.url))
    page.goto(file.as_uri())
    yield result
    page.close()
