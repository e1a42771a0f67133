"""The saved queries, an editor, and what Athena answers."""

import itertools
from asyncio import to_thread
from typing import TYPE_CHECKING, Literal

from nicegui import ui

from workshop import athena, queries
from workshop.account import Account
from workshop.athena import Execution, Result
from workshop.environment import Environment
from workshop.local_console import chart
from workshop.local_console.parts import text
from workshop.local_console.runner import Runner
from workshop.queries import SavedQuery

if TYPE_CHECKING:
    from workshop.local_console.page import Page

Saved = dict[str, SavedQuery]
Theme = Literal["vscodeDark", "vscodeLight"]
_SHOWN_ROWS, _SHOWN_OTHERS, _SHOWN_EXECUTIONS = 1000, 50, 20
_LONGEST_CELL, _LONGEST_NAME = 500, 80
# A button: Quasar's own header takes no key.
_HEADER = '<q-th :props="props"><button type="button">{{ props.col.label }}</button></q-th>'
_SORTABLE = {"sortable": True}
_CELL = '<q-td :props="props" :title="props.value">{{ props.value }}</q-td>'


async def show_queries(page: "Page", environment: Environment) -> None:
    """Show the tool; a query that the page's address names goes on."""
    account, run_id = page.place.account, page.params.get("run")
    saved = await to_thread(_saved, account, environment)
    shown = await to_thread(athena.look, account, run_id) if run_id else None
    number = page.params.get("query") or min(page.step.queries, default="")
    chosen = [q for q in saved.values() if (q.sql == shown.sql if shown else q.number == number)]
    is_dark = await ui.run_javascript("matchMedia('(prefers-color-scheme: dark)').matches")
    theme: Theme = "vscodeDark" if is_dark else "vscodeLight"
    tool = _Queries(page, environment, saved, [*chosen, *saved.values()][0], theme)
    if shown:
        await tool.reopen(shown)
    await tool.show_past()


def _saved(account: Account, environment: Environment) -> Saved:
    others = itertools.islice(queries.others(account, environment), _SHOWN_OTHERS)
    return {query.name: query for query in [*queries.own(account, environment), *others]}


class _Queries(Runner[Execution]):
    pause = 0.3

    def __init__(
        self, page: "Page", environment: Environment, saved: Saved, chosen: SavedQuery, theme: Theme
    ) -> None:
        super().__init__(page, environment)
        self._saved = saved
        text("h2", "Queries")
        self._choice = ui.select(
            [*saved], label="Saved query", value=chosen.name, on_change=self._choose
        )
        self._about = text("p", chosen.description, "quiet")
        self._editor = ui.codemirror(chosen.sql, language="SQL", theme=theme)
        self._editor.map_key("Mod-Enter", self.run)
        self._editor.props('data-label="SQL statement"').line_wrapping = True
        self.controls()
        databases = sorted({environment.database, "default", chosen.database})
        with self.bar:
            self._database = ui.select(databases, label="Database", value=chosen.database)
        text("p", "Ctrl+Enter runs the statement. Escape, then Tab leaves the editor.", "quiet")
        self.past("Recent queries")

    async def reopen(self, execution: Execution) -> None:
        """Show a query that runs or ran, and its statement."""
        self._editor.value, self._database.value = execution.sql, execution.database
        await self.follow(execution.id)

    def _choose(self) -> None:
        query = self._saved[self._choice.value]
        self._editor.value, self._database.value = query.sql, query.database
        self._about.set_text(query.description)
        self.page.remember(query=query.number)

    async def start(self) -> str:
        """Start the statement in the editor."""
        sql, database = self._editor.value, self._database.value
        return await to_thread(athena.start, self.account, self.environment, sql, database)

    def stop(self, run_id: str) -> None:
        """Stop it."""
        athena.stop(self.account, run_id)

    def look(self, run_id: str) -> Execution:
        """Look at it."""
        return athena.look(self.account, run_id)

    async def show(self, found: Execution) -> None:
        """Show the first rows."""
        if found.state == "SUCCEEDED":
            result = await to_thread(athena.fetch, self.account, found, _SHOWN_ROWS)
            self.state.set_text(result.cost)
            _draw(found, result)

    async def show_past(self) -> None:
        """List what ran last in the workgroup, and tick the saved queries that have succeeded."""
        ran = await to_thread(athena.history, self.account, self.environment)
        succeeded = {one.sql for one in ran if one.state == "SUCCEEDED"}
        ticked = {n: f"✓ {n}" if q.sql in succeeded else n for n, q in self._saved.items()}
        names = {query.sql: name for name, query in self._saved.items()}
        self._choice.set_options(ticked, value=self._choice.value)
        self.list_past(
            (one, names.get(one.sql, " ".join(one.sql.split())[:_LONGEST_NAME]), one.submitted)
            for one in ran[:_SHOWN_EXECUTIONS]
        )


def _draw(execution: Execution, result: Result) -> None:
    """Show the rows as a table that a column's name sorts, and as a chart where they have one."""
    if options := chart.of_result(result):
        drawn = ui.echart(options, renderer="svg").classes("chart").props("role=img")
        drawn.props["aria-label"] = f"Chart of {', '.join(result.columns)}, as in the table"
    columns = [{"name": str(i), "field": str(i), "label": n} for i, n in enumerate(result.columns)]
    for column, kind in zip(columns, result.types, strict=True):
        column["align"] = "right" if kind in athena.NUMBERS else "left"
    rows = [
        {"key": key, **{str(i): _shown(value) for i, value in enumerate(record.values())}}
        for key, record in enumerate(result.records())
    ]
    if columns:
        table = ui.table(columns=columns, rows=rows, row_key="key", column_defaults=_SORTABLE)
        table.props('flat bordered dense virtual-scroll no-data-label="No rows"').classes("rows")
        table.add_slot("header-cell", _HEADER)
        table.add_slot("body-cell", _CELL)
    if execution.location.endswith(".csv"):
        ui.link("Download CSV", f"/answers/{execution.id}.csv")


def _shown(value: object) -> object:
    return value if isinstance(value, int | float) else str(value or "")[:_LONGEST_CELL]
