"""What a person sees while work goes on in many accounts."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from workshop import console
from workshop.visit import Outcome, Visit


@contextmanager
def shown(total: int) -> Iterator[Callable[[list[Visit], list[Outcome]], None]]:
    """Show progress: a live table on a terminal, elsewhere a line for each account that is done."""
    said = 0

    def say(_: list[Visit], done: list[Outcome]) -> None:
        nonlocal said
        for one in done[said:]:
            text = f"{one.account} {one.region} {one.name}".rstrip()
            text = _first_line(f"{text}: {one.state}, {one.found} ({one.seconds} s)")
            console.progress.print(console.mark(text, passed=one.well), soft_wrap=True)
        said = len(done)

    if not console.progress.is_terminal:
        yield say
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    task = bar.add_task("accounts", total=total)
    with Live(console=console.progress, auto_refresh=False, transient=True) as live:

        def draw(under_way: list[Visit], done: list[Outcome]) -> None:
            states = Counter(outcome.state for outcome in done)
            counts = ", ".join(f"{count} {state}" for state, count in states.items())
            bar.update(task, completed=len(done), description=counts or "accounts")
            live.update(Group(bar, view_of(under_way, done)), refresh=True)

        yield draw


def view_of(under_way: list[Visit], done: list[Outcome]) -> Table:
    """What is wrong so far, then who is under way, as many as fit."""
    view = Table(
        Column("account", no_wrap=True),
        Column("state", no_wrap=True),
        Column("what", no_wrap=True, ratio=1),
        expand=True,
    )
    now = time.monotonic()
    rows = [(o.account, o.name, Text(o.state, "red"), o.found) for o in done if not o.well]
    rows += [
        (v.member.id, v.member.name, Text(f"{now - v.began:.0f} s"), v.doing) for v in under_way
    ]
    for account, name, state, what in rows[: max(console.progress.height - 7, 1)]:
        view.add_row(f"{account} {name}", state, _first_line(what))
    return view


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")
