"""The links of all pages, as a code host follows them; `make docs` checks those of the site.

Those of docs/security.md lead to tests.
"""

import re
from pathlib import Path

import pytest

from bench.tables import DPU_HOUR_DOLLARS
from tests.support import PROJECT

PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
SECURITY = PROJECT / "docs" / "security.md"
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")


def anchors(page: Path) -> set[str]:
    """The anchors that a code host gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A reader would end on a page that says 404."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in ("".join(found) for found in LINK.findall(text)):
        if link.startswith(("https://", "../../compare", "../../releases")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_threat_has_a_test_that_is_there() -> None:
    """A claim must not outlive what showed it; without tests the table would be a list of fears."""
    threats = re.findall(
        r"^\| (?!threat|---)(.+) \| (.+) \| (.+) \|$", SECURITY.read_text("utf-8"), re.MULTILINE
    )
    assert len(threats) > 20
    for threat, _, shown in threats:
        links = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", shown)
        assert links, threat
        for name, path in links:
            assert f"\ndef {name}(" in (SECURITY.parent / path).read_text(encoding="utf-8"), name


def test_the_pages_have_the_price_that_the_estimate_has() -> None:
    """Up to Glue 5.1 it was $0.44."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    prices = re.findall(r"\$([0-9.]+) (?:per DPU-hour|an hour)", text)
    assert len(prices) >= 2
    assert {float(price) for price in prices} == {DPU_HOUR_DOLLARS}
