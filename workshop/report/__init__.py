"""build/report.html: the summary as one self-contained page, with charts."""

import base64
import hashlib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined
from markupsafe import Markup

from workshop import private
from workshop.accounting import Accounting
from workshop.deployment import BUILD, PROJECT, build_folder
from workshop.errors import WorkshopError
from workshop.summary import Summary

REPORT = BUILD / "report.html"
# What draws the charts, in the order in which it is loaded; package.json pins the versions.
LIBRARIES = tuple(
    PROJECT / "node_modules" / path
    for path in (
        "d3/dist/d3.min.js",
        "d3-sankey/dist/d3-sankey.min.js",
        "@observablehq/plot/dist/plot.umd.min.js",
    )
)
# The style element that this version of Plot puts into every chart; a browser's console names the
# hash of another one.
PLOT_STYLE = "'sha256-jSYQUrW7J0b3jPqhZP9C2Xh1PyJKHKXd4s0fpGGKrww='"


@dataclass(frozen=True)
class Table:
    """The numbers of a figure: what a person reads who does not look at the chart."""

    columns: tuple[str, ...]
    rows: list[tuple[str | float, ...]]

    def is_number(self, index: int) -> bool:
        """Whether a column has numbers."""
        return all(isinstance(row[index], int | float) for row in self.rows)


def write(summary: Summary) -> Path:
    """Write build/report.html and return its path.

    Raises:
        WorkshopError: the libraries that draw the charts are not installed.
    """
    templates = Templates(
        loader=PackageLoader("workshop", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.policies["json.dumps_kwargs"] = {"sort_keys": False}  # the order says something
    templates.filters["thousands"] = lambda number: f"{number:,}"
    # A link of another scheme could run a script. Who deploys the stack decides on its outputs.
    templates.tests["link"] = lambda url: url.startswith("https://")
    style = _inline("page.css")
    scripts = [*map(_inline, LIBRARIES), _inline("charts.js")]
    page = templates.get_template("page.html.j2").render(
        summary=summary,
        tables=_tables(summary),
        regular=sum(users for interactions, users in _users(summary) if interactions > 1),
        style=style,
        scripts=scripts,
        policy=_policy(style, scripts),
    )
    build_folder()
    # A lone surrogate has no bytes: a browser shows its number as U+FFFD.
    private.write(REPORT, page.encode("utf-8", "xmlcharrefreplace"))
    return REPORT


def _policy(style: Markup, scripts: list[Markup]) -> str:
    """The page's content security policy: nothing but its own scripts and styles, and no way out.

    The one image is its empty icon.
    """
    return (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; "
        f"style-src {_hash(style)} {PLOT_STYLE}; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _tables(summary: Summary) -> dict[str, Table]:
    figures, accounting = summary.figures, summary.job["accounting"]
    days = groupby(figures["hours"], key=lambda hour: str(hour["day"]))
    return {
        "flow": Table(
            ("count", "reason", "records"),
            [*Accounting(**accounting).rows()] if accounting else [],
        ),
        "events": _table(summary, "events", ("event", "records"), "name", numbers=("records",)),
        "hours": Table(
            ("day", "records"),
            [(day, sum(int(hour["records"] or 0) for hour in hours)) for day, hours in days],
        ),
        "funnel": _table(
            summary,
            "funnel",
            ("source", "clicked", "then added", "then ordered"),
            "source",
            numbers=("clicked", "added", "ordered"),
        ),
        "items": _table(
            summary,
            "items",
            ("item", "name", "event", "interactions"),
            *("item_id", "name", "event_type"),
            numbers=("interactions",),
        ),
        "users": Table(("interactions", "users"), [*_users(summary)]),
        "time": Table(
            ("step", "result", "seconds"),
            [(step["name"], step["result"], step["seconds"]) for step in summary.steps],
        ),
    }


def _table(
    summary: Summary, figure: str, columns: tuple[str, ...], *texts: str, numbers: tuple[str, ...]
) -> Table:
    rows = summary.figures[figure]
    return Table(
        columns,
        [
            (*(row[name] or "" for name in texts), *(int(row[name] or 0) for name in numbers))
            for row in rows
        ],
    )


def _users(summary: Summary) -> list[tuple[int, int]]:
    """How many interactions, and how many users have them."""
    rows = summary.figures["users"]
    return [(int(row["interactions"] or 0), int(row["users"] or 0)) for row in rows]


def _inline(path: Path | str) -> Markup:
    """A file of this package or a library's, as it may stand within the page."""
    file = Path(__file__).parent / path
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise WorkshopError(
            f"The chart library is not installed at {file}.", "make setup"
        ) from error
    # Within a script, the only text that would end it early.
    return Markup(text.replace("</script", "<\\/script"))  # noqa: S704 - project's own files
