"""One page of the console: the guide at one side, what its step needs at the other."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError
from nicegui import run, ui

from workshop import causes
from workshop.environment import Environment, InProgressError, MissingError
from workshop.errors import WorkshopError
from workshop.local_console import bucket_tool, csv_tool, inventory_tool, job_tool, query_tool
from workshop.local_console.guide import BUCKET, CSV, INVENTORY, JOB, QUERIES, Step
from workshop.local_console.parts import named, text
from workshop.local_console.place import Place

# Each shows itself: its title, and an asynchronous `show(page, environment)`.
TOOLS: Mapping[str, tuple[str, Any]] = {
    QUERIES: ("Queries", query_tool),
    JOB: ("Job", job_tool),
    BUCKET: ("Bucket", bucket_tool),
    CSV: ("CSV", csv_tool),
    INVENTORY: ("Inventory", inventory_tool),
}
_WATCH_SECONDS = 3
_ERRORS = (WorkshopError, BotoCoreError, ClientError)
# A code editor has no label of its own; the library's message that its server is away is silent.
_SCRIPT = """<script>
new MutationObserver(() => document.querySelectorAll('[data-label] .cm-content').forEach((it) =>
  it.setAttribute('aria-label', it.closest('[data-label]').dataset.label)
)).observe(document, { childList: true, subtree: true });
addEventListener('DOMContentLoaded', () => document.getElementById('popup').role = 'alert');
</script>"""


class Page:
    """What one tab shows. What runs, runs in the account; its id is in the page's address.

    Args:
        place: where it works.
        steps: the guide's pages.
        step: the one to show.
        params: the parameters of the page's address.
    """

    def __init__(
        self, place: Place, steps: Sequence[Step], step: Step, params: Mapping[str, str]
    ) -> None:
        self.place, self.step, self.params, self._steps = place, step, params, steps
        self._tool = params["tool"] if params.get("tool") in TOOLS else step.tool
        self._links: dict[str, ui.link] = {}
        ui.add_head_html(_SCRIPT)
        self._header()
        with ui.element("div").classes("columns"):
            self._guide()
            with ui.element("section").props('id=tools aria-label="Tools" tabindex=-1') as tools:
                self._tabs()
                self.panel = ui.element("div").classes("tool")
        ui.skip_link("Skip to the tools", target=tools)
        with self.panel:
            ui.label("Loading …").props("role=status")
        ui.timer(0, self._load, once=True)
        ui.timer(_WATCH_SECONDS, self._watch)

    def url(self, **params: str) -> str:
        """The address of this step and tool with other parameters."""
        return f"/{self.step.name}?{urlencode({'tool': self._tool, **params})}"

    def remember(self, **params: str) -> None:
        """Put into the page's address what a reload has to find again."""
        ui.run_javascript(f"history.replaceState(null, '', {self.url(**params)!r})")

    def problem(self, error: Exception) -> None:
        """Show what went wrong and what to do about it."""
        shown = error if isinstance(error, WorkshopError) else causes.explained(error)
        with ui.element("div").classes("problem").props("role=alert"):
            ui.label(shown.message)
            ui.label(f"Next: {self.place.hint(shown.next_step)}").classes("quiet")

    async def mark(self, environment: Environment) -> None:
        """Tick the steps that are done, by what is in the account."""
        progress = await run.io_bound(self.place.progress, environment)
        for step in self._steps:
            if step.is_done(progress):
                named(self._links[step.name].classes("done"), f"{step.title}, done")

    def _header(self) -> None:
        with ui.element("header"):
            ui.link("Segment to Personalize", "/").classes("brand")
            ui.label("local console").classes("quiet")
            self._where = ui.label().classes("where").props("role=status")
            with ui.element("nav").props('aria-label="On this page"').classes("jump"):
                ui.link("Guide", "#guide")
                ui.link("Tools", "#tools")
        self._alert = ui.element("div").props("role=alert")

    def _guide(self) -> None:
        with ui.element("section").props('id=guide aria-label="Guide" tabindex=0'):
            with ui.element("nav").props("aria-label=Steps"), ui.element("ol").classes("steps"):
                for number, step in enumerate(self._steps):
                    with ui.element("li"):
                        link = ui.link(str(number), f"/{step.name}").tooltip(step.title)
                        named(link, step.title)
                        if step is self.step:
                            link.props("aria-current=step")
                        self._links[step.name] = link
            text("h1", self.step.title)
            ui.markdown(self.step.text)
            here = self._steps.index(self.step)
            with ui.element("nav").props('aria-label="Previous and next"').classes("turn"):
                if here:
                    ui.link(f"← {self._steps[here - 1].title}", f"/{self._steps[here - 1].name}")
                if here + 1 < len(self._steps):
                    after = self._steps[here + 1]
                    ui.link(f"{after.title} →", f"/{after.name}").classes("next")

    def _tabs(self) -> None:
        with ui.element("nav").props('aria-label="Tools"').classes("tabs"):
            for name, (title, _) in TOOLS.items():
                link = ui.link(title, f"/{self.step.name}?tool={name}")
                if name == self._tool:
                    link.props("aria-current=page")

    async def _load(self) -> None:
        """Fill the page in: what is slow is not waited for before it is shown."""
        try:
            account = self.place.account
            where = await run.io_bound(str, account)
            self._where.set_text(where if account.embedded else f"You are working on {where}.")
            self._where.classes(add="" if account.embedded else "danger")
            environment = await run.io_bound(self.place.environment)
            self.panel.clear()
            with self.panel:
                await TOOLS[self._tool][1].show(self, environment)
            await self.mark(environment)
        except _ERRORS as error:
            self.panel.clear()
            with self.panel:
                if self._tool == INVENTORY and isinstance(error, MissingError):
                    await inventory_tool.show(self, None)
                else:
                    self.problem(error)
                if isinstance(error, InProgressError):
                    ui.timer(_WATCH_SECONDS, ui.navigate.reload, once=True)

    async def _watch(self) -> None:
        """Say when the account does not answer any more; load the page again when it does."""
        was_away = bool(self._alert.default_slot.children)
        try:
            await run.io_bound(self.place.look)
        except _ERRORS as error:
            self._alert.clear()
            with self._alert:
                self.problem(error)
        else:
            if was_away:
                ui.navigate.reload()
