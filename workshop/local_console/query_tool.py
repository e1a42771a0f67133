"""The saved queries, an editor, and what Athena answers."""

import itertools
from datetime import datetime
from typing import TYPE_CHECKING

from nicegui import run, ui

from workshop import athena, queries
from workshop.account import Account
from workshop.athena import Execution, Result
from workshop.environment import Environment
from workshop.local_console import chart
from workshop.local_console.parts import ERRORS, box, status, text
from workshop.local_console.place import number_of
from workshop.queries import SavedQuery

if TYPE_CHECKING:
    from workshop.local_console.page import Page

_SHOWN_ROWS, _SHOWN_OTHERS, _SHOWN_EXECUTIONS = 1000, 50, 20
_LONGEST_CELL = 500
_TICK_SECONDS = 0.3
_IS_DARK = "matchMedia('(prefers-color-scheme: dark)').matches"
# A button: Quasar's own header takes no key.
_HEADER = '<q-th :props="props"><button type="button">{{ props.col.label }}</button></q-th>'
_CELL = '<q-td :props="props" :title="props.value">{{ props.value }}</q-td>'


async def show_queries(page: "Page", environment: Environment) -> None:
    """Show the tool; a query that the page's address names goes on."""
    saved = await run.io_bound(_saved, page.place.account, environment)
    tool = _Tool(page, environment, saved, is_dark=await ui.run_javascript(_IS_DARK))
    await tool.show_history()
    if page.params.get("run"):
        await tool.follow(page.params["run"])


def _saved(account: Account, environment: Environment) -> list[SavedQuery]:
    others = queries.others(account, environment)
    return [*queries.own(account, environment), *itertools.islice(others, _SHOWN_OTHERS)]


class _Tool:
    def __init__(
        self, page: "Page", environment: Environment, saved: list[SavedQuery], *, is_dark: bool
    ) -> None:
        self._page, self._environment, self._account = page, environment, page.place.account
        self._saved, self._id = {query.name: query for query in saved}, ""
        number = page.params.get("query") or min(page.step.queries, default="")
        chosen = next((q for q in saved if number_of(q.name) == number), saved[0])
        text("h2", "Queries")
        names = [*self._saved]
        self._choice = ui.select(
            names, label="Saved query", value=chosen.name, on_change=self._choose
        )
        self._about = text("p", chosen.description, "quiet")
        theme = "vscodeDark" if is_dark else "vscodeLight"
        keys = {"Mod-Enter": self._run}
        self._editor = ui.codemirror(chosen.sql, language="SQL", theme=theme, keymap=keys)
        self._editor.props('data-label="SQL statement"').line_wrapping = True
        with box("div", "bar"):
            self._run_button = ui.button("Run", on_click=self._run)
            self._stop_button = ui.button("Stop", on_click=self._stop).props("outline")
            databases = [environment.database, "default"]
            self._database = ui.select(databases, label="Database", value=chosen.database)
            self._state = status()
        text("p", "Ctrl+Enter runs the statement. Escape, then Tab leaves the editor.", "quiet")
        self._answer = box("div", "answer")
        with box("details", "history"):
            text("summary", "Recent queries")
            self._history = box("ul")
        self._set_running(is_running=False)

    async def follow(self, query_id: str) -> None:
        """Show a query that runs or ran, and its statement."""
        execution = await run.io_bound(athena.look, self._account, query_id)
        self._editor.value, self._database.value = execution.sql, execution.database
        await self._tick(query_id)

    async def show_history(self) -> None:
        """List what ran last in the workgroup, and tick the saved queries that have succeeded."""
        ran = await run.io_bound(athena.history, self._account, self._environment)
        succeeded = {one.sql for one in ran if one.state == "SUCCEEDED"}
        self._choice.set_options(
            {
                name: ("✓ " if query.sql in succeeded else "")
                + name
                + ("" if query.origin == queries.STACK else f" ({query.origin})")
                for name, query in self._saved.items()
            }
        )
        names = {query.sql: name for name, query in self._saved.items()}
        self._history.clear()
        with self._history:
            for one in ran[:_SHOWN_EXECUTIONS]:
                with ui.element("li"):
                    shown = names.get(one.sql) or " ".join(one.sql.split())[:80]
                    ui.link(shown, self._page.url(run=one.id))
                    at = datetime.fromtimestamp(one.submitted).astimezone()
                    text("span", f"{one.state.lower()}, {at:%H:%M:%S}", "quiet")

    def _choose(self) -> None:
        query = self._saved[self._choice.value]
        self._editor.value, self._database.value = query.sql, query.database
        self._about.set_text(query.description)
        self._page.remember(query=number_of(query.name))

    async def _run(self) -> None:
        sql, database = self._editor.value, self._database.value
        self._set_running(is_running=True)
        self._answer.clear()
        with self._answer:
            try:
                query_id = await run.io_bound(
                    athena.start, self._account, self._environment, sql, database
                )
            except ERRORS as error:
                self._set_running(is_running=False)
                self._page.problem(error)
                return
        self._page.remember(query=number_of(self._choice.value), run=query_id)
        await self._tick(query_id)

    async def _stop(self) -> None:
        await run.io_bound(athena.stop, self._account, self._id)

    async def _tick(self, query_id: str) -> None:
        """Look at a query until it has ended."""
        self._id = query_id
        execution = await run.io_bound(athena.look, self._account, query_id)
        self._set_running(is_running=not execution.is_finished)
        self._state.set_text(execution.state.title())
        if not execution.is_finished:
            with self._page.panel:
                ui.timer(_TICK_SECONDS, lambda: self._tick(query_id), once=True)
            return
        self._answer.clear()
        with self._answer:
            try:
                execution.require_success()
                result = await run.io_bound(athena.fetch, self._account, execution, _SHOWN_ROWS)
                self._state.set_text(result.cost)
                _draw(execution, result)
            except ERRORS as error:
                self._page.problem(error)
        await self.show_history()
        await self._page.mark(self._environment)

    def _set_running(self, *, is_running: bool) -> None:
        self._run_button.set_enabled(not is_running)
        self._stop_button.set_visibility(is_running)


def _draw(execution: Execution, result: Result) -> None:
    """Show the rows as a table that a column's name sorts, and as a chart where they have one."""
    if options := chart.of_result(result):
        drawn = ui.echart(options, renderer="svg").classes("chart").props("role=img")
        drawn.props["aria-label"] = f"Chart of {', '.join(result.columns)}, as in the table"
    columns = [
        {
            "name": str(index),
            "field": str(index),
            "label": name,
            "sortable": True,
            "align": "right" if kind in chart.NUMBERS else "left",
        }
        for index, (name, kind) in enumerate(zip(result.columns, result.types, strict=True))
    ]
    rows = [
        {"key": key, **{str(i): _shown(value) for i, value in enumerate(record.values())}}
        for key, record in enumerate(result.records())
    ]
    if columns:
        table = ui.table(columns=columns, rows=rows, row_key="key").classes("rows")
        table.props('flat bordered dense virtual-scroll no-data-label="No rows"')
        table.add_slot("header-cell", _HEADER)
        table.add_slot("body-cell", _CELL)
    if execution.location.endswith(".csv"):
        ui.link("Download CSV", f"/answers/{execution.id}.csv")


def _shown(value: object) -> object:
    return value if isinstance(value, int | float) else str(value or "")[:_LONGEST_CELL]
