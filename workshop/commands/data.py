"""The commands for data: `seed`, `transform`, `verify`, `report`."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stacks.bucket_contents.handler import PREFIX
from stacks.bucket_contents.simulated_shop import log_files
from workshop import (
    console,
    csv_files,
    deletion,
    freshness,
    report,
    seeding,
    summary,
    transformation,
    verification,
)
from workshop.checks import require
from workshop.commands.answer import Answer, Note, failure_of
from workshop.commands.context import Context, Yes
from workshop.commands.job import DAY, ScriptOptions, accounting_parts
from workshop.errors import WorkshopError
from workshop.job_arguments import job_arguments
from workshop.steps import Steps

_TRANSFORM_AGAIN = "Transform the logs again: workshop transform"


def verify(
    context: Context,
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]",
            help="A folder or s3://bucket/prefix with the CSV; by default the environment's.",
        ),
    ] = None,
) -> Answer:
    """Check the CSV against every documented rule of Personalize.

    Example: workshop verify

    Example: workshop verify build/interactions
    """
    place = f"s3://{context.environment.bucket}/{verification.PREFIX}" if path is None else path
    found = csv_files.of_place(place, lambda: context.account)
    with console.progress.status(f"Reading {place}"):
        # What is in S3 a job has written.
        rerun = verification.RERUN if place.startswith("s3:") else _TRANSFORM_AGAIN
        checks, _ = verification.verify_files(found, rerun)
    complaint = freshness.complaint(context.account, context.environment) if path is None else ""
    notes = [Note(f"{complaint}: workshop run-job")] if complaint else []
    return Answer(checks, [console.checks(checks), *notes], failure_of(require, checks))


def report_(context: Context) -> Answer:
    """Run whatever is missing from the exercise, then write the report.

    The report is build/report.html, and its data is build/summary.json.

    Example: workshop report
    """
    environment = context.environment
    context.announce()
    facts = summary.gather(context.account, environment, Steps(summary.STEPS))
    facts.write()
    path = report.write(facts)
    return Answer(facts, [str(path)], failure_of(facts.require_answers))


def seed(  # noqa: PLR0913 - a command's options are its arguments
    context: Context,
    *,
    events: Annotated[int, typer.Option(min=1, help="Approximate number of events.")] = 100_000,
    days: Annotated[int, typer.Option(min=1, help="Number of UTC days.")] = 30,
    end: Annotated[datetime | None, typer.Option(help="Last day (default: today).", **DAY)] = None,
    to: Annotated[
        Path | None, typer.Option(help="Write to this new folder instead of the bucket.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete the logs that are in the bucket first.")
    ] = False,
    yes: Yes = False,
) -> Answer:
    """Write sample Segment logs to the bucket or to a folder.

    They come from the same simulated shop as the logs of a deployment, in the same format. Memory
    use does not grow with the number of events.

    Example: workshop seed --events 2000000 --to build/logs
    """
    logs = log_files((end or datetime.now(UTC)).date(), days, events)
    if not to:
        environment = context.environment
        if replace and not environment.existing_logs:
            there = deletion.contents(context.account, environment.bucket, PREFIX)
            console.confirm(f"Delete {there} on {context.account}", yes=yes or not there.objects)
        context.announce()
    with Steps().step("Sample logs") as step:

        def count(written: seeding.Written) -> None:
            step.update(f"{written.events:,} of about {events:,} events, {written.files:,} files")

        if to:
            written = seeding.to_folder(to, logs, progress=count)
        else:
            written = seeding.to_bucket(
                context.account, environment, logs, replace=replace, progress=count
            )
        where = to or f"s3://{environment.bucket}/{PREFIX}"
        step.result = f"{written} below {where}"
    return Answer(written)


def transform(
    context: Context,
    *,
    input_dir: Annotated[Path, typer.Argument(help="A folder with Segment logs, .gz or plain.")],
    output_dir: Annotated[
        Path,
        typer.Argument(
            help="Folder for the CSV, created if needed. Rejected records go to "
            "OUTPUT_DIR-rejected beside it."
        ),
    ],
    script: ScriptOptions,
) -> Answer:
    """Run the job's own script, unchanged, on local folders.

    You can also pass the script's arguments as Glue does: --NAME VALUE.

    Example: workshop transform build/logs build/interactions
    """
    if not input_dir.is_dir():
        raise WorkshopError(f"{input_dir} is not a folder.", "Choose a folder with Segment logs")
    arguments = job_arguments(context.words, **vars(script))
    with Steps().step("Transform") as step:
        done = transformation.run(input_dir, output_dir, arguments, step.update)
        step.passed = not done.error
        step.result = "failed" if done.error else f"the CSV is in {output_dir}"
    accounting, failure = done.output.accounting, failure_of(done.require_success)
    parts = [] if failure and not accounting else accounting_parts(done.output)
    if not failure:
        parts.append(Note(f"Check it: workshop verify {shlex.quote(str(output_dir))}"))
    return Answer(accounting, parts, failure)
