"""The guide's pages, and what is in their fenced blocks."""

import re

from release.event_package import GUIDE

# By the folder of each page; the overview's is "guide".
PAGES = {page.parent.name: page.read_text("utf-8") for page in sorted(GUIDE.rglob("*.en.md"))}


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language on all pages, in their order; there is one at least."""
    pattern = re.compile(rf"^ *```{language}\n(.+?)^ *```$", re.DOTALL | re.MULTILINE)
    found = [block for page in PAGES.values() for block in pattern.findall(page)]
    assert found, language
    return found
