"""The site of the pages, as `make docs` builds it, opened from its folder."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support import PROJECT
from tests.support.browser import opened

pytestmark = pytest.mark.slow  # its packages are installed by `make docs` and `make test-slow` only


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site; the build is strict."""
    folder = tmp_path_factory.mktemp("site")
    mkdocs = PROJECT / ".venv" / "docs" / "bin" / "mkdocs"
    command = [str(mkdocs), "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_loads_nothing_from_elsewhere(site: Path, browser: Browser, scheme: str) -> None:
    """In a room without internet a page would wait for its fonts, and a host would be told."""
    page = site / "guide" / "40-explore-with-athena" / "index.en.html"
    with opened(browser, page, scheme=scheme, width=390) as it:  # type: ignore[arg-type]
        assert it.page.locator("details summary").count() >= 3
        assert it.page.locator("details p").first.is_hidden()  # the answers are folded
        assert it.requests
        assert {url.partition(":")[0] for url in it.requests} <= {"file", "data", "blob"}
        assert it.complaints == []


def test_the_search_works_in_a_folder(site: Path, browser: Browser) -> None:
    """Who was given the folder on a stick could not find anything."""
    with opened(browser, site / "index.html") as it:
        it.page.locator(".md-search__input").fill("ready-made")
        it.page.locator(".md-search-result__item").first.wait_for()
        links = it.page.locator(".md-search-result__link").evaluate_all(
            "all => all.map(a => a.href)"
        )
        assert any("60-run-the-job" in link for link in links)


def test_previous_and_next_lead_through_the_guide(site: Path, browser: Browser) -> None:
    """A participant reads the pages in their order, by the links at the end of each."""
    seen = []
    with opened(browser, site / "guide" / "10-at-an-event" / "index.en.html") as it:
        while True:
            seen.append(it.page.url.split("/")[-2][:2])
            last = it.page.locator("article p").last
            if "Next:" not in last.inner_text():
                break
            last.locator("a").last.click()
    assert seen == ["10", "30", "40", "50", "60", "70", "80", "90"]  # 55 is optional
