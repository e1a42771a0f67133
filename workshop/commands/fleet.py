"""The commands for many accounts at once: `fleet check`, `deploy`, `destroy`."""

import sys
import time
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from workshop import accounts_file, cloudformation, console, fleet
from workshop.accounts_file import ORGANIZATION_ROLE
from workshop.commands.answer import Answer, failure_of
from workshop.commands.context import Context, Yes, group
from workshop.console import Table
from workshop.deployment import PROJECT
from workshop.errors import WorkshopError
from workshop.fleet import Fleet, Results
from workshop.fleet_progress import shown
from workshop.visit import COUNTED, GONE, INTERRUPTED, READY, Outcome, Work

GROUP = group(
    help="Check, deploy and destroy the environment in many accounts.\n\n"
    "Your credentials assume a role in each account. You can run each command again: it resumes "
    "where it stopped. The exit code is 0 if every account is well.",
)
TEMPLATE = PROJECT / "dist" / "segment-personalize-workshop.template.json"


@dataclass(frozen=True, kw_only=True)
class FleetOptions:
    """The options of every command here: in which accounts it works, and how."""

    accounts: Annotated[
        Path,
        typer.Option(
            help="File with one account ID per line, or CSV with the columns account_id, region "
            "and name, in this order or with a header."
        ),
    ]
    role: Annotated[str, typer.Option("--role-name", help="Role to assume in each account.")] = (
        ORGANIZATION_ROLE
    )
    concurrency: Annotated[
        int, typer.Option(min=1, max=200, help="Number of accounts to work on at a time.")
    ] = 32
    timeout: Annotated[
        float,
        typer.Option(
            min=1, max=3600, help="Time limit for each account, in seconds."
        ),  # a session has an hour
    ] = 900
    results: Annotated[
        Path | None, typer.Option("--csv", help="Write the results to this file, for spreadsheets.")
    ] = None


def check(
    context: Context,
    *,
    options: FleetOptions,
    run_job: Annotated[
        bool, typer.Option("--run-job", help="Also run the job and verify its CSV.")
    ] = False,
) -> Answer:
    """Check which accounts are ready.

    It checks the stack, its data, tables, saved queries and job.

    Example: workshop fleet check --accounts accounts.txt

    Example: workshop fleet check --accounts accounts.csv --run-job --csv results.csv
    """
    work = partial(fleet.check, stack=context.stack, run_job=run_job)
    return _run(_fleet(context, options), work, READY, options.results)


def deploy(
    context: Context,
    *,
    options: FleetOptions,
    template: Annotated[
        Path, typer.Option(help="The template that make event-template wrote.", show_default=False)
    ] = TEMPLATE,
    parameter: Annotated[
        list[str] | None, typer.Option(help="Parameter as NAME=VALUE; can be repeated.")
    ] = None,
) -> Answer:
    """Deploy the template to every account, and check each one.

    Finished accounts are left alone, outdated stacks are updated, and failed ones are recreated.

    Example: make event-template && workshop fleet deploy --accounts accounts.txt
    """
    deployed = cloudformation.Template.read(template, _pairs(parameter or []))
    work = partial(fleet.deploy, stack=context.stack, template=deployed)
    return _run(_fleet(context, options), work, READY, options.results)


def destroy(context: Context, *, options: FleetOptions, yes: Yes = False) -> Answer:
    """Delete the stack in every account, and prove that it is gone.

    Example: workshop fleet destroy --accounts accounts.txt
    """
    chosen = _fleet(context, options)
    console.confirm(_question(chosen, context.stack, yes=yes), yes=yes)
    return _run(chosen, partial(fleet.destroy, stack=context.stack), GONE, options.results)


def _question(chosen: Fleet, stack: str, *, yes: bool) -> str:
    """Show what would be deleted that is more than sample logs, unless nobody asks."""
    question = f"Delete the stack {stack} in {console.counted(len(chosen.members), 'account')}"
    if yes or not sys.stdin.isatty():
        return question
    with shown(len(chosen.members)) as watch:
        outcomes = chosen.run(partial(fleet.count, stack=stack), COUNTED, watch)
    if chosen.stop.event.is_set():
        raise chosen.stop.cause or typer.Exit(console.INTERRUPTED)
    # Those that could not be looked into are among them, with the cause.
    rows = [
        (o.account, o.name, o.region, o.found) for o in outcomes if o.found != fleet.ONLY_SAMPLES
    ]
    if rows:
        columns = ["account", "name", "region", "what"]
        console.out.print(Table(columns, rows, "What is more than the sample logs"))
    return question


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


def _fleet(context: Context, options: FleetOptions) -> Fleet:
    organizer = context.account
    members = accounts_file.read(options.accounts, organizer.region)
    organizer.check_reachable()
    return Fleet(organizer, members, options.role, options.concurrency, options.timeout)


def _run(chosen: Fleet, work: Work, well: str, results: Path | None) -> Answer:
    total = len(chosen.members)
    if results:  # found out now: what comes of the accounts would otherwise be lost
        results.open("a").close()
    console.progress.print(
        f"Working on {console.counted(total, 'account')} from {chosen.organizer}."
    )
    began = time.monotonic()
    with shown(total) as watch:
        outcomes = chosen.run(work, well, watch)
    done = Results.of(outcomes, time.monotonic() - began)
    if results:
        rows = [[field.name for field in fields(Outcome)], *map(astuple, outcomes)]
        results.write_text(console.csv_text(rows, spreadsheet=True), encoding="utf-8")
    failure: Exception | None = chosen.stop.cause or failure_of(done.require, well)
    if INTERRUPTED in done.states and not chosen.stop.cause:
        failure = typer.Exit(console.INTERRUPTED)
    return Answer(done, _parts(done, well), failure)


def _parts(done: Results, well: str) -> list[Table | str]:
    rows = [
        (f"{o.account} {o.name}".rstrip(), o.region, o.state, o.found, o.next_step)
        for o in done.accounts
        if not o.well
    ]
    columns = ["account", "region", "state", "cause", "next step"]
    return [*([Table(columns, rows, "Look at these")] if rows else []), done.summary(well)]
