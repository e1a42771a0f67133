"""build/report.html: the summary as one self-contained page."""

from pathlib import Path

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined

from workshop.deployment import BUILD
from workshop.summary import Summary

REPORT = BUILD / "report.html"


def write(summary: Summary) -> Path:
    """Write build/report.html and return its path."""
    templates = Templates(
        loader=PackageLoader("workshop"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["thousands"] = lambda number: f"{number:,}"
    page = templates.get_template("report.html.j2").render(summary=summary)
    BUILD.mkdir(exist_ok=True)
    REPORT.write_text(page, encoding="utf-8")
    return REPORT
