"""The commands for Amazon Personalize: `personalize import`, `status`, `teardown`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from workshop import console, freshness, inventory
from workshop.commands.answer import Answer
from workshop.commands.context import Context, Yes, group
from workshop.commands.job import DAY
from workshop.environment import MissingError
from workshop.errors import WorkshopError, left
from workshop.personalize import importing, removal
from workshop.personalize.state import ImportJob, Personalize, require_region
from workshop.steps import Steps

GROUP = group(
    help="Import the CSV into Amazon Personalize, look at the import, and remove it again.\n\n"
    "The stack does not own what this makes: `down` leaves it, `personalize teardown` removes it.",
)


def import_(
    context: Context,
    *,
    incremental: Annotated[
        bool,
        typer.Option("--incremental", help="Add to what was imported before; replace nothing."),
    ] = False,
    day: Annotated[
        datetime | None,
        typer.Option(
            help="Add the CSV that the scheduled run wrote for this day.",
            **DAY,
        ),
    ] = None,
    yes: Yes = False,
) -> Answer:
    """Import the CSV into Amazon Personalize, and follow it until it ends.

    It makes a schema, a dataset group, a dataset and an import job, by the role of the stack. Run
    it again to go on where it stopped, or to import a newer CSV.

    Example: workshop personalize import
    """
    account = context.account
    require_region(account)
    environment = context.environment
    csv = importing.csv_of(account, environment, f"{day:%Y-%m-%d}" if day else "")
    incremental = incremental or day is not None
    personalize = Personalize(account, environment.workgroup)
    found = personalize.look()
    importing.require_mode(found, incremental=incremental)
    if not found.import_of(csv.begun):
        console.progress.print(csv.cost())
        question = f"Import {csv.place} into Amazon Personalize on {account}"
        console.confirm(question, yes=yes or account.embedded)  # there it costs nothing
    context.announce()
    steps = Steps(importing.STEPS)
    with left("Stopped following. Personalize goes on. Continue: workshop personalize import"):
        job = importing.run(personalize, environment, csv, steps, incremental=incremental)
    return Answer(job, [console.facts([("imported", _import(job))])])


def status(context: Context) -> Answer:
    """Show what Amazon Personalize has, and whether a newer CSV is available.

    Example: workshop personalize status --json
    """
    account = context.account
    require_region(account)
    csv = _csv(context)
    shown, value = [("where", str(account))], []
    for personalize in _environments(context):
        found = personalize.look()
        others = personalize.others() if found.group else []
        waits = bool(csv) and not found.import_of(csv)
        value.append(
            {
                "name": personalize.name,
                "parts": found.parts,
                "imports": found.imports,
                "others": others,
                "csv": csv,
                "csv_waits": waits,
            }
        )
        shown += [(part.kind, f"{part.name} is {part.status}") for part in found.parts]
        shown += [("last import", _import(job)) for job in found.imports[:1]]
        shown += [("used by", ", ".join(others))] if others else []
        if waits:
            hint = f"{_moment(csv)} is not imported: workshop personalize import"
            shown.append(("CSV", context.hint(hint)))
    return Answer({"where": str(account), "environments": value}, [console.facts(shown)])


def teardown(context: Context, *, yes: Yes = False) -> Answer:
    """Remove what `personalize import` created, and wait until it is gone.

    It refuses, with the names, when others made anything in the dataset group.

    Example: workshop personalize teardown
    """
    account = context.account
    require_region(account)
    removed = list[str]()
    for personalize in _environments(context):
        found = personalize.look()
        removal.require_alone(personalize, found)
        if not found.parts:
            continue
        what = ", ".join(str(part) for part in found.parts)
        console.confirm(f"Remove {what} from Amazon Personalize on {account}", yes=yes)
        context.announce()
        with left("Stopped waiting. Personalize goes on. Continue: workshop personalize teardown"):
            removed += removal.run(personalize, found, Steps())
    text = "Nothing is left in Amazon Personalize." if removed else "There was nothing to remove."
    return Answer({"removed": removed}, [text])


def _environments(context: Context) -> Iterator[Personalize]:
    """Personalize for the stack, deployed or deleted: what was imported outlives it.

    Raises:
        WorkshopError: there never was such a stack.
    """
    context.account.check_reachable()
    names = inventory.workgroups(context.account, context.stack)
    if not names:
        raise WorkshopError(
            f"There is no stack {context.stack} on {context.account}, nor one deleted in the last "
            "90 days.",
            "Give the name that it was deployed by: --stack NAME",
        )
    for name in names:
        yield Personalize(context.account, name)


def _csv(context: Context) -> int:
    """When the run began that wrote the CSV; 0 where there is no CSV, or no stack any more."""
    try:
        return freshness.csv_begun(context.account, context.environment)
    except MissingError:
        return 0


def _import(job: ImportJob) -> str:
    csv = f"the CSV of {_moment(job.csv)}" if job.csv else "another CSV"
    reason = f": {job.reason}" if job.reason else ""
    return f"{csv} with {job.name} ({job.mode}): {job.status}{reason}"


def _moment(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
