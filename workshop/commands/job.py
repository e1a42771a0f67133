"""The commands for runs of the Glue job: `run-job`, `logs`, `stop`."""

import functools
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from workshop import accounting, console, job, job_definition, seeding
from workshop.accounting import Log
from workshop.commands.answer import Answer, Note, failure_of
from workshop.commands.context import Context
from workshop.console import Table
from workshop.errors import WorkshopError
from workshop.job_arguments import job_arguments
from workshop.job_log import lines_of
from workshop.steps import Steps


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day like 2019-02-26") from None


DAY = {"parser": _day, "metavar": "YYYY-MM-DD"}
_argument = functools.partial(typer.Option, rich_help_panel="The job's arguments")
Run = Annotated[str | None, typer.Argument(help="ID of the run (default: the newest run).")]


@dataclass(frozen=True, kw_only=True)
class ScriptOptions:
    """The options that set the script's arguments, by the names of `job_arguments.SCRIPT`."""

    start_date: Annotated[datetime | None, _argument(help="First UTC day to read.", **DAY)] = None
    end_date: Annotated[datetime | None, _argument(help="Last UTC day to read.", **DAY)] = None
    events: Annotated[
        str | None, _argument(metavar="NAME,...", help="Names of the events to keep.")
    ] = None
    item_fields: Annotated[
        str | None,
        _argument(metavar="NAME,...", help="Fields with a product's id; the first that is there."),
    ] = None
    user_fields: Annotated[
        str | None,
        _argument(metavar="NAME,...", help="Fields with a user's id; the first that is there."),
    ] = None
    event_value_field: Annotated[
        str | None, _argument(metavar="NAME", help="Field for the column EVENT_VALUE.")
    ] = None
    max_rows_per_file: Annotated[
        int | None, _argument(min=1, max=999_999_999, help="Largest number of rows in a CSV file.")
    ] = None


def run_job(  # noqa: PLR0913 - a command's options are its arguments
    context: Context,
    *,
    script: ScriptOptions,
    input_path: Annotated[
        str | None, _argument("--input", metavar="S3_URI", help="Folder of the logs.")
    ] = None,
    output_path: Annotated[
        str | None, _argument("--output", metavar="S3_URI", help="Folder for the CSV.")
    ] = None,
    number_of_workers: Annotated[
        int | None, typer.Option(min=2, help="Workers for this run, including the driver.")
    ] = None,
    timeout: Annotated[
        int | None, typer.Option(min=1, help="Stop the run after this many minutes.")
    ] = None,
    attach: Annotated[
        bool, typer.Option("--attach", help="Follow the current run instead of starting one.")
    ] = False,
) -> Answer:
    """Run the Glue job and follow it until it ends.

    You can also pass the job's arguments as Glue does: --NAME VALUE.

    Example: workshop run-job --start-date 2019-02-26 --end-date 2019-02-26

    Example: workshop run-job --number-of-workers 10 --timeout 60
    """
    account, environment = context.account, context.environment
    arguments = job_arguments(
        context.words,
        job_definition.arguments(account, environment),
        **vars(script),
        input=input_path,
        output=output_path,
    )
    if attach:
        if arguments or number_of_workers or timeout:
            raise WorkshopError(
                "--attach follows the current run, so it takes no job arguments.", "Leave them out"
            )
        current = job.current_run(account, environment)
        if not current:
            raise WorkshopError("No run is in progress.", "workshop run-job")
        run_id = current.id
    else:
        context.announce()
        run_id = job.start(account, environment, arguments, number_of_workers, timeout)
    run = _follow(context, run_id)
    failure = failure_of(run.require_success)
    parts = [] if failure and not run.accounting else accounting_parts(run)
    return Answer(run, parts, failure)


def logs(
    context: Context,
    *,
    run: Run = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep showing the log until the run ends.")
    ] = False,
) -> Answer | None:
    """Show the log of a run.

    It contains what the script printed and, if the run failed, the errors.

    Example: workshop logs --follow
    """
    account, environment = context.account, context.environment
    found = job.find_run(account, environment, run)
    lines: dict[str, list[str]] = {"output": [], "error": []}
    look = functools.partial(job.find_run, account, environment, found.id) if follow else None
    for stream, line in lines_of(account, environment, found, look):
        lines[stream].append(line)
        if not context.as_json:
            console.out.print(line[: job.LINE_LENGTH])
    if not context.as_json:
        return None
    return Answer({"run": look() if look else found, **lines})


def stop(context: Context, run: Run = None) -> Answer:
    """Stop a run, and wait until it has stopped.

    The previous CSV stays in place.

    Example: workshop stop
    """
    account, environment = context.account, context.environment
    found = job.find_run(account, environment, run)
    if not found.is_finished:
        context.announce()
        job.stop(account, environment, found.id)
        with Steps().step(found.id) as step:
            while not found.is_finished:
                step.update(found.state)
                time.sleep(1)
                found = job.find_run(account, environment, found.id)
            step.result = found.state
    return Answer(found, [str(found)])


def _follow(context: Context, run_id: str) -> job.JobRun:
    """Wait until a run ends, and show what it prints, except what the tables show anyway."""
    with Steps().step(context.environment.job) as step:

        def follow(state: str, lines: list[str]) -> None:
            step.update(state)
            for line in lines:
                if not accounting.is_count(line):
                    console.progress.print(f"  {line[: job.LINE_LENGTH]}", style="dim")

        run = job.wait(context.account, context.environment, run_id, follow)
        step.passed = run.state == "SUCCEEDED"
        step.result = f"{run.state} after {run.seconds} s"
    return run


def accounting_parts(run: job.JobRun | Log) -> list[Table | Note]:
    """The tables of the record counts, as far as they are known."""
    counts = run.accounting
    if not counts:
        return [Note(run.complaint or "The log has no record counts.")]
    rows = [(count, reason, f"{number:,}") for count, reason, number in counts.rows()]
    tables: list[Table | Note] = [Table(["records", "reason", "number"], rows, "Record counts")]
    if counts.other_events:
        others = [(name, f"{number:,}") for name, number in counts.other_events.items()]
        title = "Most frequent other events: add them with --events"
        tables.append(Table(["event", "records"], others, title))
    return tables


def fallback(context: Context) -> Answer:
    """Use the ready-made CSV when the job fails.

    Copy the CSV of the stack's own sample logs to where the job would have written it. The next run
    that succeeds replaces it.

    Example: workshop fallback
    """
    environment = context.environment
    context.announce()
    place = seeding.use_ready_made(context.account, environment)
    return Answer({"csv": place}, [place, Note("Next: workshop verify")])
