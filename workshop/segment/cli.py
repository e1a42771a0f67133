"""The commands that work with Segment: `send-events`, `segment setup`, `segment teardown`."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workshop import console
from workshop.account import connect
from workshop.commands.context import stack_name
from workshop.environment import DEFAULT_STACK, find
from workshop.errors import WorkshopError
from workshop.seeding import check_empty
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
    from workshop.segment.workspace import Change, Workspace

EARLIEST = date(2000, 1, 1)  # what the job takes for a time that can be meant
Json = Annotated[bool, typer.Option("--json", help="Output JSON.")]
KeysFile = Annotated[
    Path | None,
    typer.Option(help=f"NAME=value lines, instead of {credentials.KEYS_FILE}, which git ignores."),
]


def send_events(
    first: Annotated[str, typer.Option("--from", help="The first UTC day, YYYY-MM-DD.")],
    days: Annotated[int, typer.Option(min=1, help="How many days, all of them over.")] = 2,
    events: Annotated[
        int | None,
        typer.Option(min=1, help=f"About how many; default {SAMPLE_EVENTS_A_DAY:,} a day."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="api.segment.io, or events.eu1.segmentapis.com for an EU workspace.")
    ] = "api.segment.io",
    write_key: Annotated[
        list[str] | None,
        typer.Option(
            help="SOURCE=KEY, may be repeated. Without it the environment variable "
            f"{credentials.variable('website-prod')} and its like, then the file. Others on this "
            "machine can see a command's options: prefer those."
        ),
    ] = None,
    keys_file: KeysFile = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Send only what an earlier run has not delivered.")
    ] = False,
    rate: Annotated[
        int, typer.Option(min=1, help="Events a second, at most. Segment's Unify takes 1,000.")
    ] = 1000,
    retries: Annotated[
        int, typer.Option(min=0, help="Tries again of one batch; 10 take about three minutes.")
    ] = 10,
    dry_run: Annotated[
        Path | None,
        typer.Option(
            help="Send nothing; write a new folder as Segment's S3 destination would have."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Send simulated days in the shop to Segment, as its sources would have.

    The events are those that seed writes for the same days. They go to website-prod, android-prod
    and ios-prod; what became of the shop's emails goes to email-prod if that has a key.

    Example: python -m workshop send-events --from 2019-02-26

    Example: python -m workshop send-events --from 2019-02-26 --dry-run build/dry-run
    """
    period = _period(first, days, events)
    if dry_run:
        sources = [*SHOP_SOURCES, EMAIL_SOURCE]  # of which none needs a key
        keys = credentials.write_keys([], sources, write_key or [], keys_file)
        _write_logs(period, dry_run, email=EMAIL_SOURCE in keys, as_json=as_json)
        return
    url, where = hosts.resolve(host, hosts.TRACKING, "--host")
    keys = credentials.write_keys(SHOP_SOURCES, [EMAIL_SOURCE], write_key or [], keys_file)
    target = _Target(url, where, keys)
    _send(period, target, resume=resume, rate=rate, retries=retries, as_json=as_json)


def _period(first: str, days: int, events: int | None) -> Period:
    try:
        start = datetime.strptime(first, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise WorkshopError(
            f"--from {first} is no date.", "Give a day as YYYY-MM-DD: --from 2019-02-26"
        ) from None
    if start < EARLIEST:
        raise WorkshopError(f"--from {first} is before {EARLIEST}.", "Choose a later day")
    today = datetime.now(UTC).date()
    if days > (today - start).days:
        raise WorkshopError(
            f"--from {first} --days {days}: not all days are over yet (UTC: {today}).",
            f"Choose earlier days: --from {today - timedelta(days)} --days {days}"
            if days < (today - EARLIEST).days
            else "Choose fewer days: --days 2",
        )
    return Period(start, days, events or SAMPLE_EVENTS_A_DAY * days)


def _write_logs(period: Period, folder: Path, *, email: bool, as_json: bool) -> None:
    from workshop.segment.messages import write_logs  # noqa: PLC0415 - see _send

    check_empty(folder)
    steps = Steps()
    with steps.step("Dry run") as step:
        written = write_logs(
            folder, calls(period, email=email), lambda counts: step.update(_listed(counts))
        )
        step.result = f"{written.total():,} events of {period} below {folder}: {_listed(written)}"
    if as_json:
        console.out.print_json(data={"folder": str(folder), "written": written})


@dataclass(frozen=True)
class _Target:
    """Where events go: a base URL, what it is called, and write keys by source."""

    url: str
    where: str
    keys: dict[str, str]

    def journal(self, period: Period) -> Path:
        """Where to record what of the period was delivered."""
        host = self.url.partition("//")[2].replace(":", "-")
        name = f"{host}-{period.first}-{period.days}d-{period.events}.sqlite"
        return credentials.FOLDER / "sent" / name


def _send(
    period: Period, target: _Target, *, resume: bool, rate: int, retries: int, as_json: bool
) -> None:
    # Here, so that the other commands start without Segment's client.
    from workshop.segment.delivery import Delivery, deliver  # noqa: PLC0415
    from workshop.segment.journal import Journal  # noqa: PLC0415

    with Journal(target.journal(period), target.keys) as journal:
        before = journal.counts()
        if before and not resume:
            raise WorkshopError(
                f"{before.total():,} of these events were delivered before: {_listed(before)}.",
                f"Add --resume to send the rest only. {journal.path} knows which; to send all of "
                "them again, delete it",
            )
        console.progress.print(
            f"Sending about {period.events:,} events of {period} to {target.url} "
            f"({target.where}): {', '.join(target.keys)}"
        )
        delivery = Delivery(target.url, target.keys, journal, retries=retries)
        outcome = delivery.outcome

        def show() -> None:
            step.update(f"{outcome.delivered.total():,} delivered: {_listed(outcome.delivered)}")

        try:
            with Steps().step("Events") as step:
                with delivery:
                    happened = calls(period, email=EMAIL_SOURCE in target.keys)
                    deliver(happened, delivery, rate=rate, progress=show)
                step.passed = outcome.error is None
                step.result = _result(outcome)
        except KeyboardInterrupt:
            console.progress.print(f"{_result(outcome)}. Add --resume to send the rest.")
            raise
    if as_json:
        console.out.print_json(
            data={
                "host": target.url,
                "sources": {
                    source: {
                        "delivered": outcome.delivered[source],
                        "delivered_earlier": outcome.earlier[source],
                        "failed": outcome.failed[source],
                    }
                    for source in target.keys
                },
                "error": outcome.error,
                "journal": str(journal.path),
            }
        )
    if outcome.error:
        raise WorkshopError(
            f"{outcome.error}. {_result(outcome)}; the rest was not sent.",
            "Mend the cause, then run the same command with --resume: it sends what is missing, "
            "and nothing twice",
        )


def _result(outcome: "Outcome") -> str:
    counts = (
        ("delivered", outcome.delivered),
        ("delivered earlier", outcome.earlier),
        ("failed", outcome.failed),
    )
    shown = [f"{count.total():,} {what} ({_listed(count)})" for what, count in counts if count]
    return ", ".join(shown) or "0 delivered"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{source} {count:,}" for source, count in sorted(counts.items()))


segment_app = typer.Typer(
    no_args_is_help=True,
    help="Make the exercise's sources and S3 destinations in a Segment workspace, or remove them.",
)
Token = Annotated[
    Path | None,
    typer.Option("--token-file", help="A file that holds the Public API token and nothing else."),
]
ApiHost = Annotated[
    str, typer.Option(help="api.segmentapis.com, or eu1.api.segmentapis.com for an EU workspace.")
]
US_API = "api.segmentapis.com"


@segment_app.command()
def setup(
    stack: Annotated[
        str, typer.Option(callback=stack_name, help="The stack whose bucket to write to.")
    ] = DEFAULT_STACK,
    token_file: Token = None,
    api_host: ApiHost = US_API,
    as_json: Json = False,
) -> None:
    """Make the four sources, connect each to the stack's bucket, and keep their write keys.

    Run again it changes nothing, or goes on where it stopped. The token comes from --token-file,
    SEGMENT_PUBLIC_API_TOKEN or .segment/keys.env; the write keys go to .segment/keys.env.

    Example: python -m workshop segment setup
    """
    from workshop.segment.workspace import BY_HAND, bucket_for  # noqa: PLC0415 - see _send

    account = connect()
    if (
        account.embedded
        and hosts.resolve(api_host, hosts.PUBLIC_API, "--api-host")[1] != hosts.HERE
    ):
        raise WorkshopError(
            "Segment cannot write into the embedded AWS.",
            "Unset AWS_ENDPOINT_URL, and name a stack on AWS",
        )
    workspace, where = _workspace(token_file, api_host)
    environment = find(account, stack)
    bucket = bucket_for(account, environment, workspace.id)
    console.progress.print(
        f"Working on the workspace {workspace.name} ({where}) and {account}.", markup=False
    )
    with Steps().step("Sources and destinations") as step:
        changes = workspace.set_up(bucket, step.update)
        done = sum(bool(change.done) for change in changes)
        step.result = f"{done} made or updated, {len(changes) - done} were there"
    app = hosts.APP.get(where, hosts.APP["US"])
    by_hand = {what: app + at if at.startswith("/") else at for what, at in BY_HAND.items()}
    if workspace.hidden:
        names = ", ".join(map(credentials.variable, workspace.hidden))
        what = f"The token may not see write keys: put {names} into {credentials.KEYS_FILE}"
        by_hand[what] = f"{app}/goto-my-workspace/sources"
    if as_json:
        _print_changes(workspace, changes, by_hand=by_hand)
        return
    _show_changes(changes)
    if not workspace.hidden:
        console.out.print(f"Write keys: {credentials.KEYS_FILE}")
    console.table(["left to do by hand", "where"], list(by_hand.items()))


@segment_app.command()
def teardown(token_file: Token = None, api_host: ApiHost = US_API, as_json: Json = False) -> None:
    """Remove the sources and destinations that setup has made, and nothing else.

    Example: python -m workshop segment teardown
    """
    workspace, where = _workspace(token_file, api_host)
    console.progress.print(f"Working on the workspace {workspace.name} ({where}).", markup=False)
    with Steps().step("Sources and destinations") as step:
        changes = workspace.tear_down(step.update)
        step.result = f"{len(changes)} removed" if changes else "nothing to remove"
    if as_json:
        _print_changes(workspace, changes)
    elif changes:
        _show_changes(changes)


def _workspace(token_file: Path | None, api_host: str) -> tuple["Workspace", str]:
    """Find the token's workspace, and say where it is."""
    from workshop.segment.api import PublicApi  # noqa: PLC0415 - see _send
    from workshop.segment.workspace import Workspace  # noqa: PLC0415

    url, where = hosts.resolve(api_host, hosts.PUBLIC_API, "--api-host")
    return Workspace(PublicApi(url, credentials.token(token_file))), where


def _print_changes(workspace: "Workspace", changes: list["Change"], **more: object) -> None:
    facts = {"id": workspace.id, "name": workspace.name}
    console.out.print_json(
        data={"workspace": facts, "changes": [change.facts() for change in changes], **more}
    )


def _show_changes(changes: list["Change"]) -> None:
    rows = [(c.kind, c.source, c.id, c.done or "was there") for c in changes]
    console.table(["what", "of", "id", "done"], rows)
