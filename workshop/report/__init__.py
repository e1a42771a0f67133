"""build/report.html: the summary as one self-contained page, with charts."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined
from markupsafe import Markup

from workshop.deployment import BUILD, PROJECT
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
    templates.filters["inline"] = _inline
    page = templates.get_template("page.html.j2").render(
        summary=summary,
        tables=_tables(summary),
        regular=sum(users for interactions, users in _users(summary) if interactions > 1),
        libraries=LIBRARIES,
    )
    BUILD.mkdir(exist_ok=True)
    REPORT.write_text(page, encoding="utf-8")
    return REPORT


def _tables(summary: Summary) -> dict[str, Table]:
    figures, accounting = summary.figures, summary.job["accounting"]
    days = groupby(figures["hours"], key=lambda hour: str(hour["day"]))
    return {
        "flow": Table(
            ("count", "reason", "records"),
            [
                (count.replace("_", " "), reason, number)
                for count, value in accounting.items()
                for reason, number in (value if isinstance(value, dict) else {"": value}).items()
            ],
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
        raise WorkshopError(f"What draws the charts is not at {file}.", "make setup") from error
    # Within a script, the only text that would end it early.
    return Markup(text.replace("</script", "<\\/script"))  # noqa: S704 - project's own files
