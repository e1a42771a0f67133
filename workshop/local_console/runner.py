"""What the tools for queries and for the job have in common: Run, Stop, and following what runs."""

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from nicegui import ui

from workshop.athena import Execution
from workshop.environment import Environment
from workshop.job import JobRun
from workshop.local_console.parts import ERRORS, box, button, status, text

if TYPE_CHECKING:
    from workshop.local_console.page import Page

Found = TypeVar("Found", Execution, JobRun)


class Runner(Generic[Found]):
    """A tool that starts something in the account and follows it to its end.

    Attributes:
        pause: seconds between two looks at it.
        start: start it and return its id; an empty one where the user does not want to.
        stop, look: stop what has this id, or look at it.
        show, show_past: show what came out, and what ran before.
    """

    page: "Page"
    environment: Environment
    bar: ui.element
    pause: float
    start: Callable[[], Awaitable[str]]
    stop: Callable[[str], None]
    look: Callable[[str], Found]
    show: Callable[[Found], Awaitable[None]]
    show_past: Callable[[], Awaitable[None]]

    def __init__(self, page: "Page", environment: Environment) -> None:
        self.page, self.environment, self.account = page, environment, page.place.account
        self._id = ""

    def controls(self) -> None:
        """Show the buttons, what is said about the run, and the place for what it answers."""
        with box("div", "bar") as self.bar:
            self._run: ui.button = button("Run", self.run, main=True)
            self._stop = button("Stop", lambda: to_thread(self.stop, self._id))
            self.state = status()
        self._stop.set_visibility(False)
        self._answer = box("div", "answer")

    def past(self, title: str) -> None:
        """Show the place for what ran before."""
        with box("details", "history"):
            text("summary", title)
            self._past = box("ul")

    def list_past(self, found: Iterable[tuple[Found, str, float]]) -> None:
        """List what ran before: each with its name, and its time in epoch seconds."""
        self._past.clear()
        with self._past:
            for one, name, seconds in found:
                with ui.element("li"):
                    ui.link(name, self.page.url(run=one.id))
                    at = datetime.fromtimestamp(seconds).astimezone()
                    text("span", f"{one.state.lower()}, {at:%Y-%m-%d %H:%M:%S}", "quiet")

    async def run(self) -> None:
        """Start it; the page's address names it from now on."""
        try:
            run_id = await self.start()
        except ERRORS as error:
            self._answer.clear()
            with self._answer:
                self.page.problem(error)
            return
        if run_id:
            self._answer.clear()
            self.page.remember(run=run_id)
            await self.follow(run_id)

    async def follow(self, run_id: str) -> None:
        """Show what runs or ran, until it has ended or something else is shown."""
        self._id = run_id
        found = await to_thread(self.look, run_id)
        self._run.set_enabled(found.is_finished)
        self._stop.set_visibility(not found.is_finished)
        await self.show_progress(found)
        if not found.is_finished:
            with self.page.panel:
                ui.timer(self.pause, lambda: self._again(run_id), once=True)
            return
        self._answer.clear()
        with self._answer:
            try:
                found.require_success()
            except ERRORS as error:
                self.page.problem(error)
            await self.show(found)
        await self.show_past()
        await self.page.mark(self.environment)

    async def show_progress(self, found: Found) -> None:
        """Show what is new."""
        self.state.set_text(found.state.title())

    async def _again(self, run_id: str) -> None:
        if run_id == self._id:
            await self.follow(run_id)
