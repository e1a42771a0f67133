"""The command that sends events to Segment: `send-events`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from workshop import console, seeding
from workshop.commands.answer import Answer
from workshop.commands.context import Context
from workshop.commands.job import DAY
from workshop.errors import WorkshopError
from workshop.segment import credentials, hosts
from workshop.segment.events import (
    EMAIL_SOURCE,
    SAMPLE_EVENTS_A_DAY,
    SHOP_SOURCES,
    Period,
    calls,
)
from workshop.steps import Steps


def send_events(  # noqa: PLR0913 - a command's options are its arguments
    _: Context,
    *,
    first: Annotated[datetime, typer.Option("--from", help="First UTC day.", **DAY)],
    days: Annotated[int, typer.Option(min=1, help="Number of days; all must be in the past.")] = 2,
    events: Annotated[
        int | None,
        typer.Option(
            min=1, help=f"Approximate number of events. [default: {SAMPLE_EVENTS_A_DAY:,} a day]"
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="api.segment.io, or events.eu1.segmentapis.com for an EU workspace.")
    ] = "api.segment.io",
    write_key: Annotated[
        list[str] | None,
        typer.Option(
            help="SOURCE=KEY; can be repeated. Default: variables such as "
            f"{credentials.variable('website-prod')}, then the file. Prefer those: other users of "
            "this machine can see a command's options."
        ),
    ] = None,
    keys_file: Annotated[
        Path | None,
        typer.Option(
            help=f"NAME=value lines, instead of {credentials.KEYS_FILE}, which git ignores."
        ),
    ] = None,
    rate: Annotated[
        int, typer.Option(min=1, help="Maximum events a second; Segment's Unify accepts 1,000.")
    ] = 1000,
    retries: Annotated[
        int, typer.Option(min=0, help="Retries of one batch; 10 take about three minutes.")
    ] = 10,
    dry_run: Annotated[
        Path | None,
        typer.Option(
            help="Send nothing; write a new folder in the layout of Segment's S3 destination."
        ),
    ] = None,
) -> Answer:
    """Send simulated shop events for past days to Segment.

    The events are those that seed writes for the same days. They go to website-prod, android-prod
    and ios-prod; events of the shop's emails go to email-prod if that has a key. Run it again to
    send what did not arrive: each message has the same messageId in every run.

    Example: workshop send-events --from 2019-02-26

    Example: workshop send-events --from 2019-02-26 --dry-run build/dry-run
    """
    period = Period.past(first.date(), days, events)
    if dry_run:
        sources = [*SHOP_SOURCES, EMAIL_SOURCE]  # of which none needs a key
        keys = credentials.write_keys([], sources, write_key or [], keys_file)
        return _write_logs(period, dry_run, email=EMAIL_SOURCE in keys)
    url, where = hosts.resolve(host)
    keys = credentials.write_keys(SHOP_SOURCES, [EMAIL_SOURCE], write_key or [], keys_file)
    console.progress.print(
        f"Sending about {period.events:,} events of {period} to {url} ({where}): {', '.join(keys)}"
    )
    # Here, so that the other commands start without Segment's client.
    from workshop.segment.delivery import send  # noqa: PLC0415

    outcome = send(period, url, keys, rate=rate, retries=retries)
    failure = None
    if outcome.error:
        failure = WorkshopError(
            f"{outcome.error}. {outcome}; the rest was not sent.",
            "Fix the cause, then run the same command again: Segment drops what it already has",
        )
    counts = {
        source: {"delivered": outcome.delivered[source], "failed": outcome.failed[source]}
        for source in keys
    }
    return Answer({"host": url, "sources": counts, "error": outcome.error}, failure=failure)


def _write_logs(period: Period, folder: Path, *, email: bool) -> Answer:
    from workshop.segment.messages import logs  # noqa: PLC0415 - as above

    with Steps().step("Dry run") as step:
        written = seeding.to_folder(
            folder, logs(calls(period, email=email)), progress=lambda sofar: step.update(str(sofar))
        )
        step.result = f"{written} of {period} below {folder}"
    return Answer({"folder": str(folder), "written": written})
