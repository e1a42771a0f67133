"""The commands for Amazon Personalize: `personalize import`, `status`, `teardown`."""

from datetime import datetime
from typing import Annotated

import typer

from workshop import console
from workshop.commands.answer import Answer
from workshop.commands.context import Context, Yes, group
from workshop.commands.job import DAY
from workshop.errors import left
from workshop.personalize import importing, overview, removal
from workshop.personalize.state import Personalize, require_region
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
    return Answer(job, [console.facts([("imported", job.sentence)])])


def status(context: Context) -> Answer:
    """Show what Amazon Personalize has, and whether a newer CSV is available.

    Example: workshop personalize status --json
    """
    account = context.account
    require_region(account)
    found = overview.of(account, context.stack)
    facts = [fact for one in found for fact in one.facts(context.hint)]
    value = {"where": str(account), "environments": found}
    return Answer(value, [console.facts([("where", account), *facts])])


def teardown(context: Context, *, yes: Yes = False) -> Answer:
    """Remove what `personalize import` created, and wait until it is gone.

    It refuses, with the names, when others made anything in the dataset group.

    Example: workshop personalize teardown
    """
    account = context.account
    require_region(account)
    removed = list[str]()
    for personalize in overview.environments(account, context.stack):
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
