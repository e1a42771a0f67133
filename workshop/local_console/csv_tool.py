"""The checks of the CSV against the rules of Amazon Personalize."""

from typing import TYPE_CHECKING

from nicegui import run, ui

from workshop.environment import Environment
from workshop.local_console.parts import text

if TYPE_CHECKING:
    from workshop.local_console.page import Page


async def show(page: "Page", environment: Environment) -> None:
    """Show each rule with what was found, and what to do where it does not hold."""
    checks, complaint = await run.io_bound(page.place.checks, environment)
    text("h2", "CSV for Amazon Personalize")
    held = sum(check.passed for check in checks)
    ui.label(f"{held} of {len(checks)} rules hold.").props("role=status").classes("state")
    if complaint:
        ui.label(f"{complaint}: run the job again.").classes("problem")
    with ui.element("ul").classes("checks"):
        for check in checks:
            with ui.element("li").classes("ok" if check.passed else "no"):
                ui.label("✓" if check.passed else "✗").props("aria-hidden=true")
                with ui.element("div"):
                    mark = "" if check.passed else " (does not hold)"
                    ui.label(f"{check.rule}{mark}").classes("rule")
                    ui.label(check.found).classes("quiet")
                    if not check.passed:
                        ui.label(f"Next: {page.place.hint(check.advice)}")
    ui.button("Check again", on_click=ui.navigate.reload).props("outline")
