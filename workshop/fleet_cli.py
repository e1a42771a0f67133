"""`python -m workshop fleet`: the organizer's commands for many accounts at once."""

import csv
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from workshop import accounts_file, cloudformation, console, fleet
from workshop.account import connect
from workshop.accounts_file import ORGANIZATION_ROLE
from workshop.deployment import PROJECT
from workshop.environment import DEFAULT_STACK
from workshop.errors import WorkshopError
from workshop.fleet import Fleet
from workshop.options import Json, Stack
from workshop.visit import GONE, INTERRUPTED, READY, Outcome, Visit, Work

app = typer.Typer(
    no_args_is_help=True,
    help="Check, deploy and destroy the environment in many accounts at once.\n\n"
    "Your credentials assume a role in each account. Each command can be run again: it goes on "
    "where it stopped. The exit code is 0 when all is well in every account.",
)
TEMPLATE = PROJECT / "dist" / "segment-personalize-workshop.template.json"

Accounts = Annotated[
    Path,
    typer.Option(
        help="An account id a line; or CSV: account_id,region,name, or with a header of its own."
    ),
]
Role = Annotated[str, typer.Option("--role-name", help="The role to assume in each account.")]
Concurrency = Annotated[int, typer.Option(min=1, max=200, help="How many accounts at a time.")]
Timeout = Annotated[
    float,
    typer.Option(min=1, max=3600, help="Seconds for one account."),  # a session has an hour
]
Csv = Annotated[
    Path | None, typer.Option("--csv", help="Write the results to this file, for spreadsheets.")
]


@app.command()
def check(
    accounts: Accounts,
    role: Role = ORGANIZATION_ROLE,
    stack: Stack = DEFAULT_STACK,
    run_job: Annotated[
        bool, typer.Option("--run-job", help="Run the job and verify its CSV, too.")
    ] = False,
    concurrency: Concurrency = 32,
    timeout: Timeout = 900,
    results: Csv = None,
    as_json: Json = False,
) -> None:
    """Say which accounts are ready: the stack, its data, tables, saved queries and job.

    Example: python -m workshop fleet check --accounts accounts.txt

    Example: python -m workshop fleet check --accounts accounts.csv --run-job --csv results.csv
    """
    chosen = _fleet(accounts, role, concurrency, timeout)
    _run(chosen, fleet.check(stack, run_job=run_job), READY, results, as_json=as_json)


@app.command()
def deploy(
    accounts: Accounts,
    role: Role = ORGANIZATION_ROLE,
    stack: Stack = DEFAULT_STACK,
    template: Annotated[
        Path, typer.Option(help="What make event-template wrote.", show_default=False)
    ] = TEMPLATE,
    parameter: Annotated[
        list[str] | None, typer.Option(help="A parameter, NAME=VALUE; may be repeated.")
    ] = None,
    concurrency: Concurrency = 32,
    timeout: Timeout = 900,
    results: Csv = None,
    as_json: Json = False,
) -> None:
    """Deploy the one template to every account, and check each.

    Accounts that have it are left as they are; older stacks are updated, failed ones made again.

    Example: make event-template && python -m workshop fleet deploy --accounts accounts.txt
    """
    deployed = cloudformation.Template.read(template, _pairs(parameter or []))
    chosen = _fleet(accounts, role, concurrency, timeout)
    _run(chosen, fleet.deploy(stack, deployed), READY, results, as_json=as_json)


@app.command()
def destroy(
    accounts: Accounts,
    role: Role = ORGANIZATION_ROLE,
    stack: Stack = DEFAULT_STACK,
    concurrency: Concurrency = 32,
    timeout: Timeout = 900,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first, on a terminal.")] = False,
    results: Csv = None,
    as_json: Json = False,
) -> None:
    """Delete the stack in every account, and prove that nothing of it is left.

    Example: python -m workshop fleet destroy --accounts accounts.txt
    """
    chosen = _fleet(accounts, role, concurrency, timeout)
    if not yes and sys.stdin.isatty():
        count = len(chosen.members)
        typer.confirm(
            f"Delete {stack} with all its data in {count} accounts?", abort=True, err=True
        )
    _run(chosen, fleet.destroy(stack), GONE, results, as_json=as_json)


def _pairs(words: list[str]) -> dict[str, str]:
    pairs = dict[str, str]()
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise WorkshopError(
                f"--parameter {word} has no value.", "Give parameters as --parameter NAME=VALUE"
            )
        pairs[name] = value
    return pairs


def _fleet(file: Path, role: str, concurrency: int, seconds: float) -> Fleet:
    organizer = connect()
    members = accounts_file.read(file, organizer.region)
    _ = organizer.id  # says clearly when nobody answers
    return Fleet(organizer, members, role, concurrency, seconds)


def _run(chosen: Fleet, work: Work, well: str, results: Path | None, *, as_json: bool) -> None:
    total = len(chosen.members)
    with _results_file(results) as write:
        console.progress.print(f"Working on {total} accounts from {chosen.organizer}.")
        began = time.monotonic()
        with _shown(total) as watch:
            outcomes = chosen.run(work, well, watch)
        took = time.monotonic() - began
        write(outcomes)
    states = Counter(outcome.state for outcome in outcomes)
    if as_json:
        console.print_json(
            {
                "accounts": [asdict(outcome) for outcome in outcomes],
                "states": states,
                "seconds": round(took, 1),
                "requests": sum(outcome.requests for outcome in outcomes),
                "throttled": sum(outcome.throttled for outcome in outcomes),
            }
        )
    else:
        _summarize(outcomes, f"{states[well]} of {total} accounts are {well}", took)
    if chosen.stop.cause:
        raise chosen.stop.cause
    if states[INTERRUPTED]:
        raise typer.Exit(console.INTERRUPTED)
    unwell = [outcome for outcome in outcomes if not outcome.well]
    if unwell:
        raise WorkshopError(
            f"{len(unwell)} of {total} accounts are not {well}: "
            + ", ".join(f"{outcome.account} is {outcome.state}" for outcome in unwell),
            f"{unwell[0].account}: {unwell[0].next_step}",
        )


@contextmanager
def _results_file(path: Path | None) -> Iterator[Callable[[list[Outcome]], None]]:
    """Open the file before anything is done: its results would otherwise be lost afterwards."""
    if path is None:
        yield lambda _: None
        return
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise WorkshopError(
            f"--csv {path} cannot be written: {error}", "Name a file in a folder that is there"
        ) from error
    with file:
        writer = csv.DictWriter(file, [field.name for field in fields(Outcome)])
        writer.writeheader()
        yield lambda outcomes: writer.writerows(
            {name: console.inert(value) for name, value in asdict(outcome).items()}
            for outcome in outcomes
        )


def _summarize(outcomes: list[Outcome], what: str, seconds: float) -> None:
    rows = [
        (f"{o.account} {o.name}".rstrip(), o.region, o.state, o.found, o.next_step)
        for o in outcomes
        if not o.well
    ]
    if rows:
        columns = ["account", "region", "state", "cause", "next step"]
        console.table(columns, rows, "Look at these")
    requests, rate = sum(o.requests for o in outcomes), len(outcomes) * 60 / max(seconds, 0.1)
    console.out.print(
        f"{what}: {seconds:.0f} s, {rate:.0f} accounts a minute, {requests:,} requests, "
        f"{sum(o.throttled for o in outcomes)} of them throttled."
    )


@contextmanager
def _shown(total: int) -> Iterator[Callable[[list[Visit], list[Outcome]], None]]:
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
            live.update(Group(bar, _view(under_way, done)), refresh=True)

        yield draw


def _view(under_way: list[Visit], done: list[Outcome]) -> Table:
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
