"""The command that sends events to Segment: `send-events`."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workshop import console, seeding
from workshop.commands.answer import Answer
from workshop.commands.context import Context
from workshop.commands.job import DAY
from workshop.errors import Left, WorkshopError
from workshop.segment import credentials, hosts
from workshop.segment.events import (
    EMAIL_SOURCE,
    SAMPLE_EVENTS_A_DAY,
    SHOP_SOURCES,
    Period,
    calls,
)
from workshop.steps import Steps

if TYPE_CHECKING:
    from workshop.segment.delivery import Outcome

EARLIEST = date(2000, 1, 1)  # the earliest time that the job accepts


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
    period = _period(first.date(), days, events)
    if dry_run:
        sources = [*SHOP_SOURCES, EMAIL_SOURCE]  # of which none needs a key
        keys = credentials.write_keys([], sources, write_key or [], keys_file)
        return _write_logs(period, dry_run, email=EMAIL_SOURCE in keys)
    url, where = hosts.resolve(host)
    keys = credentials.write_keys(SHOP_SOURCES, [EMAIL_SOURCE], write_key or [], keys_file)
    console.progress.print(
        f"Sending about {period.events:,} events of {period} to {url} ({where}): {', '.join(keys)}"
    )
    outcome = _send(period, url, keys, rate=rate, retries=retries)
    failure = None
    if outcome.error:
        failure = WorkshopError(
            f"{outcome.error}. {_result(outcome)}; the rest was not sent.",
            "Fix the cause, then run the same command again: Segment drops what it already has",
        )
    counts = {
        source: {"delivered": outcome.delivered[source], "failed": outcome.failed[source]}
        for source in keys
    }
    return Answer({"host": url, "sources": counts, "error": outcome.error}, failure=failure)


def _period(first: date, days: int, events: int | None) -> Period:
    if first < EARLIEST:
        raise WorkshopError(f"--from {first} is before {EARLIEST}.", "Choose a later day")
    today = datetime.now(UTC).date()
    if days > (today - first).days:
        raise WorkshopError(
            f"--from {first} --days {days}: not all days are over yet (UTC: {today}).",
            f"Choose earlier days: --from {today - timedelta(days)} --days {days}"
            if days < (today - EARLIEST).days
            else "Choose fewer days: --days 2",
        )
    return Period(first, days, events or SAMPLE_EVENTS_A_DAY * days)


def _write_logs(period: Period, folder: Path, *, email: bool) -> Answer:
    from workshop.segment.messages import logs  # noqa: PLC0415 - see _send

    with Steps().step("Dry run") as step:
        written = seeding.to_folder(
            folder, logs(calls(period, email=email)), progress=lambda sofar: step.update(str(sofar))
        )
        step.result = f"{written} of {period} below {folder}"
    return Answer({"folder": str(folder), "written": written})


def _send(period: Period, url: str, keys: dict[str, str], *, rate: int, retries: int) -> "Outcome":
    # Here, so that the other commands start without Segment's client.
    from workshop.segment.delivery import Delivery, deliver  # noqa: PLC0415

    delivery = Delivery(url, keys, retries=retries)
    outcome = delivery.outcome
    try:
        with Steps().step("Events") as step:
            with delivery:
                happened = calls(period, email=EMAIL_SOURCE in keys)
                deliver(
                    happened, delivery, rate=rate, progress=lambda: step.update(_result(outcome))
                )
            step.passed = outcome.error is None
            step.result = _result(outcome)
    except KeyboardInterrupt as interrupt:
        raise Left(
            f"{_result(outcome)}. Run the same command again to send the rest: Segment drops what "
            "it has already."
        ) from interrupt
    return outcome


def _result(outcome: "Outcome") -> str:
    counts = (("delivered", outcome.delivered), ("failed", outcome.failed))
    shown = [f"{count.total():,} {what} ({_listed(count)})" for what, count in counts if count]
    return ", ".join(shown) or "0 delivered"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{source} {count:,}" for source, count in sorted(counts.items()))
