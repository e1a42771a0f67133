"""The report, opened in Chromium: for what a workshop has, and for what it may have one day."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Scheme, opened
from tests.support.summaries import BARE, REHEARSED, USUAL, Row
from workshop import report
from workshop.errors import WorkshopError
from workshop.summary import Summary

pytestmark = pytest.mark.slow

CHARTS = ("flow", "events", "hours", "funnel", "items", "enough", "users", "time")
LIMIT_BYTES = 2_000_000


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a summary's report to a folder of the test."""

    def written(summary: Summary) -> Path:
        monkeypatch.setattr(report, "REPORT", tmp_path / "report.html")
        return report.write(summary)

    return written


@pytest.mark.parametrize(
    ("summary", "scheme", "width"),
    [(USUAL, "light", 375), (USUAL, "dark", 375), (REHEARSED, "light", 1200)],
    ids=["phone", "dark", "rehearsed"],
)
def test_everyone_can_read_it(
    browser: Browser, write: Any, summary: Summary, scheme: Scheme, width: int
) -> None:
    """On a phone, in the dark, by a screen reader, without a network."""
    file = write(summary)
    assert file.stat().st_size < LIMIT_BYTES
    with opened(browser, file, scheme=scheme, width=width) as it:
        for name in CHARTS:
            assert it.page.locator(f"#{name}[role=img]").get_attribute("aria-label")
            assert it.page.locator(f"#{name} svg").last.locator("path, rect, line").count()
        assert it.page.evaluate("document.documentElement.scrollWidth") <= width
        assert it.page.locator("img").count() == 0, "a name from the data became markup"
        assert it.violations() == []
        assert it.complaints == []
        assert it.requests == [file.as_uri()]


def test_it_shows_the_numbers_and_says_what_to_do(browser: Browser, write: Any) -> None:
    """The organizer would see other numbers than there are, or not why an import would fail."""
    with opened(browser, write(USUAL)) as it:
        text = it.page.locator("body").inner_text()
        assert "would refuse them: 1 of its 2 rules does not hold" in text
        assert "More data" in text
        flow = it.page.locator("#flow").inner_text()
        for number, name in (("15", "records read"), ("3", "rows written"), ("8", "other event")):
            assert f"{number}{name}" in flow.replace("\n", "")
        assert "no SKU" not in flow, "what did not happen has no band"
        assert "9 others" not in it.page.locator("#events").inner_text()
        assert "8 others" in it.page.locator("#events").inner_text()
        enough = it.page.locator("#enough").inner_text()
        assert "31 users with two or more" in enough
        assert "25 needed" in enough
        assert "1,000 needed" in enough
        # Every band is as high as its number of records, within what can be seen.
        heights = it.page.locator("#flow path").evaluate_all(
            "paths => paths.map(path => +path.getAttribute('stroke-width'))"
        )
        kept, duplicate, filtered = heights[:3]
        assert filtered / duplicate == pytest.approx(10, rel=0.01)
        assert kept / duplicate == pytest.approx(2, rel=0.01)


def test_a_link_that_runs_a_script_is_text(browser: Browser, write: Any) -> None:
    """The outputs are those of a stack that somebody else may have made."""
    attack = "javascript:document.title='run'"
    outputs = {**USUAL.environment["outputs"], "JobConsole": attack, "DashboardConsole": "data:,x"}
    summary = replace(USUAL, environment={**USUAL.environment, "outputs": outputs})
    with opened(browser, write(summary)) as it:
        hrefs = it.page.locator("a").evaluate_all("links => links.map(it => it.href)")
        assert [href for href in hrefs if not href.startswith(("https://", "file://"))] == []
        assert attack in it.page.locator("#deployed + table").inner_text()
    with opened(browser, write(USUAL)) as it:
        away = it.page.locator("a[href^=https]")
        assert away.count() == 4
        assert {it.get_attribute("rel") for it in away.all()} == {"noopener noreferrer"}


CLICK = "it => it.click()"
# Markup, what is done to it, and what Chromium has against that.
ATTACKS = [
    ("<a id=ID href=\"javascript:document.title='run'\">x</a>", CLICK, "JavaScript URL"),
    ("<p id=ID onclick=\"document.title='run'\">x</p>", CLICK, "inline event handler"),
    ("<p id=ID></p><script>document.title = 'run'</script>", CLICK, "inline script"),
    (
        "<p id=ID></p><base href=https://evil.example/>",
        "it => document.body.append(Object.assign(new Image(), {src: 'x.png'}))",
        "base-uri",
    ),
    ("<p id=ID></p><style>h1 { display: none }</style>", CLICK, "inline style"),
    ("<form id=ID action=http://127.0.0.1:9/ method=post></form>", "it => it.submit()", "form-"),
]


def test_what_gets_into_the_page_still_does_nothing(browser: Browser, write: Any) -> None:
    """A mistake in the template alone must not give a shop's visitor the organizer's browser."""
    file = write(USUAL)
    markup = "".join(each.replace("ID", f"attack{n}") for n, (each, _, _) in enumerate(ATTACKS))
    page = file.read_text(encoding="utf-8").replace("<main>", f"<main>{markup}", 1)
    file.write_text(page, encoding="utf-8")
    with opened(browser, file) as it:
        assert it.page.locator(".chart svg").count() >= len(CHARTS), "its own scripts run"
        assert it.page.locator("h1").is_visible()
        for number, (_, act, _) in enumerate(ATTACKS):
            it.page.locator(f"#attack{number}").evaluate(act)
        it.page.wait_for_timeout(300)
        assert it.page.title() != "run"
        assert it.page.url == file.as_uri()
        assert [url for url in it.requests if not url.startswith("file:")] == []
        said = [text for text in it.complaints if "Content Security Policy" in text]
        for _, _, refused in ATTACKS:
            assert any(refused in text for text in said), refused


def test_what_athena_could_not_answer_is_said(browser: Browser, write: Any) -> None:
    """A CSV that nothing can read leaves no figure and no reason to guess at."""
    failed = replace(
        BARE,
        job={
            **BARE.job,
            "complaint": "The accounting in the job's log cannot be read: <b>not JSON",
        },
        figures={name: [] for name in USUAL.figures},
        failures=["14 Interactions by type: The query failed: HIVE_BAD_DATA <b>"],
    )
    with opened(browser, write(failed)) as it:
        text = it.page.locator("main").inner_text()
        assert "14 Interactions by type: The query failed: HIVE_BAD_DATA <b>" in text
        assert "cannot be read: <b>not JSON" in text
        assert it.complaints == []
        assert it.violations() == []


def test_a_lone_surrogate_does_not_stop_the_report(browser: Browser, write: Any) -> None:
    """JSON can carry one, and UTF-8 cannot."""
    events: list[Row] = [{"name": "half \ud83d", "records": "9"}]
    summary = replace(USUAL, figures={**USUAL.figures, "events": events})
    with opened(browser, write(summary)) as it:
        assert "half" in it.page.locator("#events").inner_text()
        assert it.complaints == []


def test_it_is_there_when_there_is_little_to_say(browser: Browser, write: Any) -> None:
    """A log that has expired must not take the report with it."""
    with opened(browser, write(BARE)) as it:
        text = it.page.locator("main").inner_text()
        assert "The record counts are no longer available. Run the job again" in text
        assert it.complaints == []


def test_it_prints_light_and_whole(browser: Browser, write: Any) -> None:
    """A dark page prints black, and a chart that is cut off at the margin is useless."""
    with opened(browser, write(USUAL), scheme="dark") as it:
        dark = it.page.evaluate("getComputedStyle(document.body).backgroundColor")
        it.page.emulate_media(media="print")
        printed = it.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert printed == "rgb(255, 255, 255)"
        assert dark != printed
        it.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        widths = it.page.locator(".chart svg").evaluate_all(
            "charts => charts.map(chart => +chart.getAttribute('width'))"
        )
        assert max(widths) <= 680, "A4 less its margins, in CSS pixels"


def test_without_its_libraries_it_says_how_to_get_them(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page without charts would pass for a report."""
    monkeypatch.setattr(report, "LIBRARIES", (tmp_path / "d3.min.js",))
    with pytest.raises(WorkshopError, match=r"d3\.min\.js") as error:
        write(USUAL)
    assert error.value.next_step == "make setup"
