"""The Glue job: its script, its arguments, a run's state, log and record counts, earlier runs."""

import itertools
from asyncio import to_thread
from typing import TYPE_CHECKING

from nicegui import ui
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from workshop import job, job_definition
from workshop.accounting import Log
from workshop.environment import Environment
from workshop.job import JobRun
from workshop.job_arguments import SCRIPT, job_arguments
from workshop.job_log import log_of
from workshop.local_console import chart
from workshop.local_console.parts import box, confirmed, text
from workshop.local_console.runner import Runner

if TYPE_CHECKING:
    from workshop.local_console.page import Page

_SHOWN_RUNS, _SHOWN_LINES = 10, 500


async def show_job(page: "Page", environment: Environment) -> None:
    """Show the tool: the run that the page's address names, or the newest."""
    defaults = await to_thread(job_definition.arguments, page.place.account, environment)
    script = await to_thread(job_definition.script, page.place.account, environment)
    tool = _Job(page, environment, dict(defaults), script)
    await tool.show_past()
    if run_id := page.params.get("run") or tool.newest:
        await tool.follow(run_id)


class _Job(Runner[JobRun]):
    pause = 1

    def __init__(
        self, page: "Page", environment: Environment, defaults: dict[str, str], script: str
    ) -> None:
        super().__init__(page, environment)
        self._defaults, self.newest, self._shown, self._printed = defaults, "", "", Log()
        text("h2", f"Job {environment.job}")
        with box("details").props("open" if "read" in page.step.name else ""):
            text("summary", "Script")
            # Pygments has escaped it.
            code = highlight(script, PythonLexer(), HtmlFormatter(nowrap=True))
            ui.html(code, sanitize=False, tag="pre").classes("codehilite code").props("tabindex=0")
        with box("details"):
            text("summary", "Arguments of the next run")
            self._inputs = {
                name: ui.input(f"--{name}", placeholder=defaults.get(f"--{name}", "not set"))
                for name in SCRIPT
            }
        self.controls()
        self.state.set_text("It has not run yet.")
        self._log = ui.log(_SHOWN_LINES).props("role=log tabindex=0")
        self._log.props["aria-label"] = "Log of the run"
        self._log.set_visibility(False)
        self.past("Past runs")

    async def start(self) -> str:
        """Start the job with the arguments that are filled in; on AWS ask first."""
        question = f"Run the job on {self.account}? A run costs about $0.02."
        words = [f"--{name}={field.value}" for name, field in self._inputs.items() if field.value]
        given = job_arguments(words, self._defaults)
        if not self.account.embedded and not await confirmed(question, "Run it"):
            return ""
        return await to_thread(job.start, self.account, self.environment, given)

    def stop(self, run_id: str) -> None:
        """Stop it."""
        job.stop(self.account, self.environment, run_id)

    def look(self, run_id: str) -> JobRun:
        """Look at it."""
        return job.find_run(self.account, self.environment, run_id)

    async def show_progress(self, found: JobRun) -> None:
        """Show how long it has been running, and the new lines of its log."""
        self.state.set_text(f"{found.state.title()}, {found.seconds} s")
        if found.id != self._shown:
            self._shown, self._printed = found.id, Log()
            self._log.clear()
            self._log.set_visibility(True)
            self._tails = [
                log_of(self.account, self.environment, found.id, stream)
                for stream in ("output", "error")
            ]
        for tail in self._tails if found.has_failed else self._tails[:1]:
            lines = await to_thread(list, tail.new_lines())
            self._printed.add(lines)
            for line in lines[-_SHOWN_LINES:]:
                self._log.push(line[: job.LINE_LENGTH])

    async def show(self, found: JobRun) -> None:
        """Show the record counts as a picture and in numbers."""
        if counts := found.accounting or self._printed.accounting:
            drawn = ui.echart(chart.of_counts(counts), renderer="svg").classes("chart")
            drawn.props('role=img aria-label="Record counts, as in the list"')
            with box("dl", "counts"):
                for name, reason, number in counts.rows():
                    with ui.element("div"):
                        text("dt", f"{name} {reason}".strip())
                        text("dd", f"{number:,}")

    async def show_past(self) -> None:
        """List the newest runs."""
        found = job.runs(self.account, self.environment)
        ran = await to_thread(list, itertools.islice(found, _SHOWN_RUNS))
        self.newest = ran[0].id if ran else ""
        self.list_past((one, f"{one.id[:12]}…", one.started / 1000) for one in ran)
