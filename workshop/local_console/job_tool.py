"""The Glue job: its script, its arguments, a run's state, log and record counts, earlier runs."""

import itertools
from datetime import datetime
from typing import TYPE_CHECKING

from nicegui import run, ui
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from workshop import job, job_definition
from workshop.account import Account
from workshop.accounting import Log
from workshop.environment import Environment
from workshop.job import JobRun, LogTail
from workshop.job_arguments import SCRIPT, job_arguments
from workshop.local_console import chart
from workshop.local_console.parts import ERRORS, box, confirmed, status, text

if TYPE_CHECKING:
    from workshop.local_console.page import Page

_SHOWN_RUNS, _SHOWN_LINES = 10, 500
_TICK_SECONDS = 1


async def show_job(page: "Page", environment: Environment) -> None:
    """Show the tool: the run that the page's address names, or the newest."""
    account = page.place.account
    defaults = await run.io_bound(job_definition.arguments, account, environment)
    script = await run.io_bound(job_definition.script, account, environment)
    tool = _Tool(page, environment, dict(defaults), script)
    newest = await tool.show_runs()
    if run_id := page.params.get("run") or newest:
        await tool.follow(run_id)


class _Tool:
    def __init__(
        self, page: "Page", environment: Environment, defaults: dict[str, str], script: str
    ) -> None:
        self._page, self._environment, self._account = page, environment, page.place.account
        self._defaults, self._id, self._printed = defaults, "", Log()
        text("h2", f"Job {environment.job}")
        with box("details").props("open" if "read" in page.step.name else ""):
            text("summary", "Script")
            code = highlight(script, PythonLexer(), HtmlFormatter(nowrap=True))
            with box("pre", "codehilite code").props("tabindex=0"):
                ui.html(code, sanitize=False, tag="code")  # Pygments has escaped it
        with box("details"):
            text("summary", "Arguments of the next run")
            self._inputs = {
                name: ui.input(f"--{name}", placeholder=defaults.get(f"--{name}", "not set"))
                for name in SCRIPT
            }
        with box("div", "bar"):
            self._run_button = ui.button("Run", on_click=self._run)
            self._stop_button = ui.button("Stop", on_click=self._stop).props("outline")
            self._state = status("It has not run yet.")
        self._stop_button.set_visibility(False)
        self._result = box("div", "answer")
        self._log = ui.log(_SHOWN_LINES).props("role=log tabindex=0")
        self._log.props["aria-label"] = "Log of the run"
        with box("details", "history"):
            text("summary", "Past runs")
            self._runs = box("ul")

    async def show_runs(self) -> str:
        """List the newest runs; return the id of the newest, if there is one."""
        ran = await run.io_bound(_newest, self._account, self._environment)
        self._runs.clear()
        with self._runs:
            for one in ran:
                with ui.element("li"):
                    ui.link(f"{one.id[:12]}…", self._page.url(run=one.id))
                    at = datetime.fromtimestamp(one.started / 1000).astimezone()
                    about = f"{one.state.lower()}, {one.seconds} s, {at:%Y-%m-%d %H:%M:%S}"
                    text("span", about, "quiet")
        return ran[0].id if ran else ""

    async def follow(self, run_id: str) -> None:
        """Show a run from the beginning of its log."""
        self._id, self._printed = run_id, Log()
        self._tails = {
            stream: LogTail(self._account, job.log_group(self._environment, stream), run_id)
            for stream in ("output", "error")
        }
        self._log.clear()
        self._result.clear()
        await self._tick(run_id)

    async def _run(self) -> None:
        """Run the job; on AWS ask first."""
        question = f"Run the job on {self._account}? A run costs about $0.02."
        if not self._account.embedded and not await confirmed(question, "Run it"):
            return
        words = [f"--{name}={box.value}" for name, box in self._inputs.items() if box.value]
        try:
            given = job_arguments(words, self._defaults)
            run_id = await run.io_bound(job.start, self._account, self._environment, given)
        except ERRORS as error:
            self._result.clear()
            with self._result:
                self._page.problem(error)
            return
        self._page.remember(run=run_id)
        await self.follow(run_id)

    async def _stop(self) -> None:
        await run.io_bound(job.stop, self._account, self._environment, self._id)

    async def _tick(self, run_id: str) -> None:
        """Show what is new of a run until it has ended, or another one is shown."""
        found = await run.io_bound(job.find_run, self._account, self._environment, run_id)
        await self._add_lines("output")
        if run_id != self._id:
            return
        self._state.set_text(f"{found.state.title()}, {found.seconds} s")
        self._run_button.set_enabled(found.is_finished)
        self._stop_button.set_visibility(not found.is_finished)
        if not found.is_finished:
            with self._page.panel:
                ui.timer(_TICK_SECONDS, lambda: self._tick(run_id), once=True)
            return
        if found.state != "SUCCEEDED":
            await self._add_lines("error")
        with self._result:
            self._show_result(found)
        await self.show_runs()
        await self._page.mark(self._environment)

    async def _add_lines(self, stream: str) -> None:
        lines = await run.io_bound(list, self._tails[stream].new_lines())
        self._printed.add(lines)
        for line in lines[-_SHOWN_LINES:]:
            self._log.push(line[: job.LINE_LENGTH])

    def _show_result(self, found: JobRun) -> None:
        """Show why a run failed, and its record counts as a picture and in numbers."""
        try:
            found.require_success()
        except ERRORS as error:
            self._page.problem(error)
        if counts := found.accounting or self._printed.accounting:
            drawn = ui.echart(chart.of_counts(counts), renderer="svg").classes("chart")
            drawn.props('role=img aria-label="Record counts, as in the list"')
            with box("dl", "counts"):
                for name, reason, number in counts.rows():
                    with ui.element("div"):
                        text("dt", f"{name} {reason}".strip())
                        text("dd", f"{number:,}")


def _newest(account: Account, environment: Environment) -> list[JobRun]:
    return [*itertools.islice(job.runs(account, environment), _SHOWN_RUNS)]
