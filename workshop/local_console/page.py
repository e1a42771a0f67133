"""One page of the console: the guide at one side, what its step needs at the other."""

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from workshop import progress
from workshop.environment import Environment, MissingError, find
from workshop.local_console.account_tools import show_bucket, show_csv, show_inventory
from workshop.local_console.guide import BUCKET, CSV, INVENTORY, JOB, QUERIES, Step
from workshop.local_console.job_tool import show_job
from workshop.local_console.parts import ERRORS, box, problem, text
from workshop.local_console.place import Place
from workshop.local_console.query_tool import show_queries

_SHOWN = (show_queries, show_job, show_bucket, show_csv, show_inventory)
TOOLS: Mapping[str, Any] = dict(zip((QUERIES, JOB, BUCKET, CSV, INVENTORY), _SHOWN, strict=True))
_EXTRAS = ["fenced-code-blocks", "markdown-in-html", "tables"]
# A code editor has no label of its own, what scrolls in the guide takes no key, and the library's
# message that its server is away is not said aloud.
_SCRIPT = """<script>
const each = (selector, act) => document.querySelectorAll(selector).forEach(act)
new MutationObserver(() => {
  each('[data-label] .cm-content', (it) => it.ariaLabel = it.closest('[data-label]').dataset.label)
  each('.nicegui-markdown :is(pre, table)', (it) => it.tabIndex = 0)
}).observe(document, { childList: true, subtree: true })
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
        with box("header") as header:
            ui.link("Segment to Personalize", "/").classes("brand")
            text("span", "local console", "quiet")
            self._where = text("span", "", "where").props("role=status")
        self._alert = box("div")
        with box("div", "columns"):
            with box("section", "guide", "Guide").props("tabindex=0") as guide:
                self._guide()
            with box("section", "tools", "Tools").props("tabindex=-1") as tools:
                with box("nav", "tabs", "Tools"):
                    for name in TOOLS:
                        link = ui.link(name, f"/{step.name}?tool={name}")
                        link.props("aria-current=page" if name == self._tool else "")
                self.panel = box("div", "tool")
        ui.skip_link("Skip to the tools", target=tools)
        with header, box("nav", "jump", "On this page"):
            ui.link("Guide", guide)
            ui.link("Tools", tools)
        with self.panel:
            text("p", "Loading …").props("role=status")
        ui.timer(0, self._load, once=True)
        ui.timer(3, self._watch)

    def url(self, **params: str) -> str:
        """The address of this step and tool with other parameters."""
        return f"/{self.step.name}?{urlencode({'tool': self._tool, **params})}"

    def remember(self, **params: str) -> None:
        """Put into the page's address what a reload has to find again."""
        ui.run_javascript(f"history.replaceState(null, '', {self.url(**params)!r})")

    def problem(self, error: Exception) -> None:
        """Show what went wrong and what to do about it."""
        problem(error, self.place.hint)

    async def mark(self, environment: Environment) -> None:
        """Tick the steps that are done, by what is in the account."""
        done = await to_thread(progress.look, self.place.account, environment)
        for step in self._steps:
            if step.is_done(done):
                self._tick(step)

    def _tick(self, step: Step) -> None:
        link = self._links[step.name].classes("done")
        link.props["aria-label"] = f"{link.text} {step.title}, done"

    def _guide(self) -> None:
        with box("nav", "", "Steps"), box("ol", "steps"):
            for number, step in enumerate(self._steps):
                with ui.element("li"):
                    link = self._links[step.name] = ui.link(str(number), f"/{step.name}")
                    link.tooltip(step.title).props["aria-label"] = f"{number} {step.title}"
                    link.props("aria-current=step" if step is self.step else "")
        text("h1", self.step.title)
        ui.markdown(self.step.text, extras=_EXTRAS)

    async def _load(self) -> None:
        """Fill the page in: what is slow is not waited for before it is shown."""
        try:
            where = await to_thread(str, self.place.account)
            is_real = not self.place.account.embedded
            self._where.set_text(f"You are working on {where}" if is_real else where)
            self._where.classes("danger" if is_real else "")
            environment = await to_thread(find, self.place.account, self.place.stack)
            self.panel.clear()
            with self.panel:
                await TOOLS[self._tool](self, environment)
            await self.mark(environment)
        except ERRORS as error:
            self.panel.clear()
            with self.panel:
                if self._tool != INVENTORY or not isinstance(error, MissingError):
                    self.problem(error)
                elif await show_inventory(self, None):
                    self._tick(next(step for step in self._steps if step.tool == INVENTORY))

    async def _watch(self) -> None:
        """Say when the account does not answer any more; load the page again when it does."""
        was_away = bool(self._alert.default_slot.children)
        try:
            await to_thread(self.place.look)
        except ERRORS as error:
            self._alert.clear()
            with self._alert:
                self.problem(error)
        else:
            if was_away:
                ui.navigate.reload()
