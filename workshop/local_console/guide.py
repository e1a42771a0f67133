"""The participants' guide as the console shows it: the same Markdown files, with live links."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workshop.deployment import PROJECT
from workshop.progress import Progress

GUIDE = PROJECT / "docs" / "guide"
# Where its pictures are; the console serves these folders by their names.
PICTURES = {"diagrams": PROJECT / "docs" / "diagrams", "pictures": GUIDE / "pictures"}
QUERIES, JOB, BUCKET, CSV, INVENTORY = "Queries", "Job", "Bucket", "CSV", "Inventory"
# What a step works with, by a word of its folder's name; the bucket, where nothing fits.
_TOOLS = {"athena": QUERIES, "job": JOB, "csv": CSV, "clean": INVENTORY}
_PAGE = re.compile(r'\A---\ntitle: "([^"]+)"\n.*?---\n(.+)\Z', re.DOTALL)
_QUERY = re.compile(r"`(\d\d) [A-Z][^`\n]*`")
# What a page names, and the link that stands there in its place.
_LINKS = (
    (re.compile(r"(?<=\]\()(?:\.\./)+(diagrams|pictures)/"), r"/\1/"),
    (re.compile(r"(?<=\]\()(?:\.\./)?(?:([0-9]{2}-[a-z-]+)/)?index\.en\.md"), r"/\1"),
    (re.compile(r"(?<!!)\[([^\]]+)\]\(\.\.[^)]+\)"), r"\1"),  # a page outside of the guide
    (_QUERY, rf"[\g<0>](?tool={QUERIES}&query=\1)"),
    (re.compile("`AthenaConsole`"), rf"[\g<0>](?tool={QUERIES})"),
    (re.compile("`JobConsole`"), rf"[\g<0>](?tool={JOB})"),
    (re.compile("`BucketConsole`"), rf"[\g<0>](?tool={BUCKET})"),
)


@dataclass(frozen=True)
class Step:
    """A page of the guide.

    Attributes:
        name: its folder's name.
        title, text: as its file has them; the text is Markdown.
        tool: what stands beside it.
        queries: the numbers of the saved queries that it names.
    """

    name: str
    title: str
    text: str
    tool: str
    queries: frozenset[str]

    def is_done(self, progress: Progress) -> bool:
        """Whether its saved queries were answered and the CSV is valid, or the job has run."""
        if not self.queries:
            return progress.has_run and "run" in self.name
        return not self.queries & progress.unanswered and (progress.is_valid or self.tool != CSV)


def steps() -> Sequence[Step]:
    """The guide's pages, in their order."""
    return [
        _step("overview" if path.parent == GUIDE else path.parent.name, path.read_text("utf-8"))
        for path in sorted(GUIDE.rglob("*.en.md"), key=lambda path: (path.parent != GUIDE, path))
    ]


def linked(text: str) -> str:
    """Let the links of a page lead to the console's own pages and tools."""
    for pattern, link in _LINKS:
        text = pattern.sub(link, text)
    return text


def _step(name: str, page: str) -> Step:
    title, text = _PAGE.findall(page)[0]
    tool = next((tool for word, tool in _TOOLS.items() if word in name), BUCKET)
    return Step(name, title, linked(text), tool, frozenset(_QUERY.findall(text)))
