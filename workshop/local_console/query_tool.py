"""The saved queries, an editor, and what Athena answers."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from nicegui import run, ui

from workshop import athena, queries
from workshop.account import Account
from workshop.athena import Execution, Result
from workshop.environment import Environment
from workshop.errors import WorkshopError
from workshop.local_console import chart
from workshop.local_console.parts import named, text
from workshop.local_console.place import number_of
from workshop.queries import SavedQuery

if TYPE_CHECKING:
    from workshop.local_console.page import Page

_SHOWN_ROWS, _SHOWN_OTHERS, _SHOWN_EXECUTIONS = 1000, 50, 20
_TICK_SECONDS = 0.3
_LONGEST_CELL = 500
_HEADER = """<q-th :props="props"><button type="button">{{ props.col.label }}</button></q-th>"""
_CELL = """<q-td :props="props" :title="props.value">{{ props.value }}</q-td>"""


async def show(page: "Page", environment: Environment) -> None:
    """Show the tool; a query that the page's address names goes on."""
    account = page.place.account
    own = await run.io_bound(queries.own, account, environment)
    others = await run.io_bound(_others, account, environment)
    is_dark = await ui.run_javascript("matchMedia('(prefers-color-scheme: dark)').matches")
    tool = _Tool(page, environment, [*own, *others], is_dark=is_dark)
    await tool.show_history()
    if page.params.get("run"):
        await tool.follow(page.params["run"])


def _others(account: Account, environment: Environment) -> list[SavedQuery]:
    return [*itertools.islice(queries.others(account, environment), _SHOWN_OTHERS)]


class _Tool:
    def __init__(
        self, page: "Page", environment: Environment, saved: Sequence[SavedQuery], *, is_dark: bool
    ) -> None:
        self._page, self._environment, self._account = page, environment, page.place.account
        self._saved = {query.name: query for query in saved}
        named = page.params.get("query", "") or min(page.step.queries, default="")
        first = next((q for q in saved if number_of(q.name) == named), saved[0])
        self._id = ""
        text("h2", "Queries")
        names = {
            q.name: q.name if q.origin == queries.STACK else f"{q.name} ({q.origin})" for q in saved
        }
        self._choice = ui.select(
            names, label="Saved query", value=first.name, on_change=self._choose
        ).props("outlined dense options-dense")
        self._about = ui.label(first.description).classes("quiet")
        self._editor = ui.codemirror(
            first.sql,
            language="SQL",
            theme="vscodeDark" if is_dark else "vscodeLight",
            line_wrapping=True,
            keymap={"Mod-Enter": self._run},
        ).props('data-label="SQL statement"')
        with ui.element("div").classes("bar"):
            self._run_button = ui.button("Run", on_click=self._run)
            self._stop_button = ui.button("Stop", on_click=self._stop).props("outline")
            self._database = ui.select(
                sorted({environment.database, "default"}, reverse=True),
                label="Database",
                value=first.database,
            ).props("outlined dense options-dense")
            self._state = ui.label().props("role=status").classes("state")
        ui.label("Ctrl+Enter runs it. Escape, then Tab leaves the editor.").classes("quiet hint")
        self._set_running(is_running=False)
        self._answer = ui.element("div").classes("answer")
        with ui.element("details").classes("history"):
            text("summary", "Recent queries")
            self._history = ui.element("ul")

    async def follow(self, query_id: str) -> None:
        """Show a query that runs or ran, and its statement."""
        execution = await run.io_bound(athena.look, self._account, query_id)
        self._editor.value, self._database.value = execution.sql, execution.database
        self._id = query_id
        await self._tick(query_id)

    async def show_history(self) -> None:
        """List what ran last in the workgroup, and tick the saved queries that have succeeded."""
        ran = await run.io_bound(athena.history, self._account, self._environment)
        names = {query.sql: query.name for query in self._saved.values()}
        succeeded = {one.sql for one in ran if one.state == "SUCCEEDED"}
        for name, query in self._saved.items():
            self._choice.options[name] = ("✓ " if query.sql in succeeded else "") + name
        self._choice.update()
        self._history.clear()
        with self._history:
            for one in ran[:_SHOWN_EXECUTIONS]:
                with ui.element("li"):
                    what = names.get(one.sql, " ".join(one.sql.split())[:80])
                    ui.link(what, self._page.url(run=one.id))
                    at = datetime.fromtimestamp(one.submitted).astimezone()
                    ui.label(f"{one.state.lower()}, {at:%H:%M:%S}").classes("quiet")

    def _choose(self) -> None:
        query = self._saved[self._choice.value]
        self._editor.value, self._database.value = query.sql, query.database
        self._about.set_text(query.description)
        self._page.remember(query=number_of(query.name))

    async def _run(self) -> None:
        self._answer.clear()
        self._set_running(is_running=True)
        sql, database = self._editor.value, self._database.value
        try:
            self._id = await run.io_bound(
                athena.start, self._account, self._environment, sql, database
            )
        except WorkshopError as error:
            self._set_running(is_running=False)
            with self._answer:
                self._page.problem(error)
            return
        self._page.remember(query=number_of(self._choice.value), run=self._id)
        await self._tick(self._id)

    async def _stop(self) -> None:
        await run.io_bound(athena.stop, self._account, self._id)

    async def _tick(self, query_id: str) -> None:
        """Look at the query until it has ended, or until another one is shown."""
        execution = await run.io_bound(athena.look, self._account, query_id)
        if query_id != self._id:
            return
        if not execution.is_finished:
            self._set_running(is_running=True)
            self._state.set_text(f"{execution.state.title()} …")
            with self._page.panel:
                ui.timer(_TICK_SECONDS, lambda: self._tick(query_id), once=True)
            return
        self._set_running(is_running=False)
        self._answer.clear()
        with self._answer:
            try:
                execution.require_success()
                result = await run.io_bound(athena.fetch, self._account, execution, _SHOWN_ROWS)
                self._draw(execution, result)
            except WorkshopError as error:
                self._state.set_text(execution.state.title())
                self._page.problem(error)
        await self.show_history()
        await self._page.mark(self._environment)

    def _draw(self, execution: Execution, result: Result) -> None:
        self._state.set_text(result.cost)
        if not result.columns:
            return
        options = chart.of_result(result)
        if options:
            drawn = ui.echart(options, renderer="svg").classes("chart").props("role=img")
            named(drawn, f"Chart of {', '.join(result.columns)}; the table has the numbers")
        _table(result)
        if execution.location.endswith(".csv"):
            with ui.element("p"):
                ui.link("Download CSV", f"/answers/{execution.id}.csv")
                more = " with all rows" if result.more else ""
                ui.label(f"{more}, safe to open in a spreadsheet").classes("quiet inline")

    def _set_running(self, *, is_running: bool) -> None:
        self._run_button.set_enabled(not is_running)
        self._stop_button.set_visibility(is_running)


def _table(result: Result) -> None:
    """Show the rows; a click on a column's name, or Enter, sorts by it."""
    columns = [
        {
            "name": str(index),
            "label": name,
            "field": str(index),
            "sortable": True,
            "align": "right" if kind in chart.NUMBERS else "left",
        }
        for index, (name, kind) in enumerate(zip(result.columns, result.types, strict=True))
    ]
    rows = [
        {"key": key, **{str(i): _shown(value) for i, value in enumerate(record.values())}}
        for key, record in enumerate(result.records())
    ]
    table = ui.table(columns=columns, rows=rows, row_key="key")
    table.props('flat bordered dense virtual-scroll no-data-label="No rows"').classes("rows")
    table.add_slot("header-cell", _HEADER)
    table.add_slot("body-cell", _CELL)


def _shown(value: object) -> object:
    return value if isinstance(value, int | float) else str(value or "")[:_LONGEST_CELL]
