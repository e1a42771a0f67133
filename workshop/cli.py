"""The organizer's command line.

It works on AWS, or on the embedded AWS where AWS_ENDPOINT_URL names it; every command says which
before it changes anything.
"""

import dataclasses
import itertools
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.filesize import decimal

from stacks.counts import COUNTS, OTHER_EVENTS
from workshop import (
    console,
    deletion,
    deployment,
    fleet_cli,
    job,
    queries,
    readiness,
    report,
    seeding,
    summary,
    verification,
)
from workshop.account import EMBEDDED_FOLDER, Account, connect, loopback_port
from workshop.environment import DEFAULT_STACK, find
from workshop.errors import WorkshopError
from workshop.options import Json, Stack
from workshop.segment import cli as segment_cli

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Deploy, rehearse, check and tear down the exercise environment.\n\n"
    "On AWS by the credentials that any AWS tool would use; on the embedded AWS, which make up "
    'starts, after [bold]eval "$(python -m workshop env)"[/].',
)
app.add_typer(fleet_cli.app, name="fleet")
QUERIES = deployment.PROJECT / "athena"
SHOWN_ROWS = 1000
SHOWN_OTHERS = 200  # saved queries that are not the stack's
LONGEST_READ = 10_000  # characters of a statement that an organizer is asked to read


def _query_numbers(incomplete: str) -> list[tuple[str, str]]:
    """The saved queries' numbers with their names, for a shell to complete; from the files."""
    names = [
        path.read_text(encoding="utf-8").splitlines()[0].removeprefix("-- name: ")
        for path in sorted(QUERIES.glob("*.sql"))
    ]
    numbers = [(name.split()[0], name) for name in names]
    return [(number, name) for number, name in numbers if number.startswith(incomplete)]


@app.command()
def up(
    stack: Stack = DEFAULT_STACK,
    option: Annotated[
        list[str] | None,
        typer.Option("--cdk", help="One more argument for cdk deploy; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Deploy the environment, do the whole exercise in it, and report.

    Run again, it changes nothing that is done already.

    Example: AWS_ENDPOINT_URL=http://127.0.0.1:4566 python -m workshop up
    """
    account = connect()
    steps = console.Steps()
    started = False
    server = _server(account)
    try:
        if server:
            _check_java()
            with steps.step("Embedded AWS") as step:
                started = server.start()
                step.result = f"{'started' if started else 'runs'} at {server.endpoint}"
        console.progress.print(f"Working on {account}.")
        if server:
            with steps.step("cdk bootstrap") as step:
                bootstrapped = deployment.bootstrap(account, step.update)
                step.result = "done" if bootstrapped else "was done"
        with steps.step("cdk deploy") as step:
            deployment.deploy(account, stack, option or [], step.update)
            environment = find(account, stack)
            step.result = f"{stack} is {environment.status}"
        facts = summary.gather(account, environment, steps)
    except BaseException:
        if server and started:
            console.progress.print("Stopping the embedded AWS again.")
            server.stop()
        raise
    paths = [facts.write(), report.write(facts)]
    if as_json:
        console.print_json(dataclasses.asdict(facts))
    else:
        _show(facts)
        console.out.print(f"Report: {paths[1]}\nFacts:  {paths[0]}")
        _look_around(account)
    facts.require_answers()
    if not facts.passed:
        raise typer.Exit(1)


@app.command()
def down(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> None:
    """Destroy the environment and prove that nothing of it is left.

    Anything left is an error that names it. The embedded AWS stops, too.

    Example: python -m workshop down
    """
    account = connect()
    server = _server(account)
    if server and not server.running():
        if as_json:
            console.print_json({"left": []})
        else:
            console.out.print(
                f"The embedded AWS does not run at {account.endpoint}: nothing to do."
            )
        server.stop()
        return
    console.progress.print(f"Working on {account}.")
    steps = console.Steps()
    with steps.step(f"Delete {stack}") as step:
        taken = deletion.delete(account, stack, step.update)
        step.passed = not taken.left
        step.result = taken.summary(account, stack)
    if as_json:
        console.print_json(taken.facts())
    taken.require_nothing(account)
    if server:
        with steps.step("Embedded AWS") as step:
            server.stop()
            step.result = "stopped"


@app.command()
def status(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> None:
    """Say what is deployed, whether it is ready, and what the job did last.

    Example: python -m workshop status --json
    """
    account = connect()
    environment = find(account, stack)
    checks = readiness.check(account, environment)
    last = job.last_run(account, environment)
    if as_json:
        console.print_json(
            {
                "where": str(account),
                "stack": environment.stack,
                "status": environment.status,
                "checks": [dataclasses.asdict(check) for check in checks],
                "last_run": dataclasses.asdict(last) if last else None,
                "outputs": environment.outputs,
            }
        )
    else:
        ran = (
            f"{last.id} is {last.state} after {last.seconds} s"
            if last
            else "none: python -m workshop run-job"
        )
        console.facts(
            [
                ("where", str(account)),
                *((check.rule.lower(), check.found) for check in checks),
                ("last run", ran),
                *environment.outputs.items(),
            ]
        )
    verification.require(checks, "checks")


@app.command()
def env(as_json: Json = False) -> None:
    """Print what other tools need to use the embedded AWS: its endpoint, region and key.

    For a POSIX shell to evaluate. The key lets everything in: do not write it down.

    Example: eval "$(python -m workshop env)" && aws s3 ls
    """
    from embedded_aws.server import EmbeddedAws  # noqa: PLC0415 - development requirements

    running = EmbeddedAws.of_folder(EMBEDDED_FOLDER)
    if not running:
        raise WorkshopError(
            f"No embedded AWS runs in {EMBEDDED_FOLDER.parent.parent}.", "Start it: make up"
        )
    values = running.client_environment()
    if as_json:
        console.print_json(values)
    else:
        # A profile or a session token would come before the key.
        sys.stdout.write("unset AWS_PROFILE AWS_SESSION_TOKEN\n")
        sys.stdout.writelines(f"export {name}={value}\n" for name, value in values.items())


@app.command()
def seed(
    stack: Stack = DEFAULT_STACK,
    events: Annotated[int, typer.Option(min=1, help="About how many events.")] = 100_000,
    days: Annotated[int, typer.Option(min=1, help="Over how many UTC days.")] = 30,
    end: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day; default today.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="A new folder of this machine, instead of the bucket.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete the logs that are in the bucket first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write sample Segment logs: to the bucket, or with --to to a folder.

    The same shop and the same format as the logs that a deployment brings; any number of events,
    in constant memory.

    Example: python -m workshop seed --events 2000000 --to build/logs
    """
    volume = seeding.Volume(end.date() if end else _today(), days, events)

    def count(written: seeding.Written) -> None:
        step.update(f"{written.events:,} of about {events:,} events, {written.files:,} files")

    steps = console.Steps()
    if to:
        with steps.step("Sample logs") as step:
            written = seeding.to_folder(to, volume, progress=count)
            step.result = f"{written.events:,} events in {written.files:,} files below {to}"
    else:
        account = connect()
        environment = find(account, stack)
        console.progress.print(f"Working on {account}.")
        with steps.step("Sample logs") as step:
            written = seeding.to_bucket(
                account, environment, volume, replace=replace, progress=count
            )
            where = f"s3://{environment.bucket}/{seeding.PREFIX}"
            step.result = f"{written.events:,} events in {written.files:,} files below {where}"
    if as_json:
        console.print_json(dataclasses.asdict(written))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_job(
    context: typer.Context,
    stack: Stack = DEFAULT_STACK,
    number_of_workers: Annotated[
        int | None, typer.Option(min=2, help="For this run, the driver among them.")
    ] = None,
    timeout: Annotated[
        int | None, typer.Option(min=1, help="Minutes after which Glue ends this run.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the Glue job and follow it to its end.

    Whatever else is given goes to the job as its arguments, `--NAME VALUE`.

    Example: python -m workshop run-job --START_DATE 2019-02-26 --END_DATE 2019-02-26

    Example: python -m workshop run-job --number-of-workers 10 --timeout 60
    """
    account = connect()
    environment = find(account, stack)
    arguments = _job_arguments(context.args)
    console.progress.print(f"Working on {account}.")
    steps = console.Steps()

    def follow(state: str, lines: list[str]) -> None:
        step.update(f"{state}, {time.monotonic() - started:.0f} s")
        for line in lines:
            if line.split(" ", 1)[0] not in shown_at_the_end:
                console.progress.print(f"  {line[: job.LINE_LENGTH]}", style="dim")

    started = time.monotonic()
    shown_at_the_end = {*COUNTS, OTHER_EVENTS, job.ACCOUNTING.strip()}
    with steps.step(environment.job) as step:
        try:
            run = job.run(
                account,
                environment,
                arguments,
                workers=number_of_workers,
                timeout_minutes=timeout,
                follow=follow,
            )
        except KeyboardInterrupt:
            console.progress.print("The run goes on in Glue, which nothing here follows any more.")
            raise
        step.result = f"{run.state} after {run.seconds} s"
    if as_json:
        console.print_json(dataclasses.asdict(run))
    else:
        _show_accounting(run.accounting, run.complaint)


@app.command()
def query(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A saved query's name, or how it begins: 02", autocompletion=_query_numbers
        ),
    ] = None,
    stack: Stack = DEFAULT_STACK,
    sql: Annotated[str | None, typer.Option(help="Run this statement instead.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Run every saved query that reads.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"At most so many rows; {SHOWN_ROWS:,} in a table, else all."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Output CSV, exactly as it is.")] = False,
    spreadsheet: Annotated[
        bool,
        typer.Option(
            "--spreadsheet", help="Output CSV for a spreadsheet: ' before what would be a formula."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Run a query that is not the stack's without asking.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the saved queries, or run one, all that read, or any statement.

    The stack's own queries run by their numbers and with --all. One that somebody added or changed
    runs by its whole name, once you have read its statement: it has your rights.

    Example: python -m workshop query 02

    Example: python -m workshop query 02 --csv > event-types.csv

    Example: python -m workshop query --sql "SELECT count(*) FROM segment_logs"
    """
    as_csv = as_csv or spreadsheet
    if sum((bool(name), bool(sql), everything)) > 1:
        raise WorkshopError("A name, --sql and --all exclude each other.", "Give one of them")
    if as_csv and (as_json or everything):
        raise WorkshopError("--csv is one table: not for --json or --all.", "Use --json for --all")
    account = connect()
    environment = find(account, stack)
    own = [] if sql else queries.own(account, environment)
    others = queries.others(account, environment)
    if sql:
        chosen = [queries.SavedQuery("Statement", "", environment.database, sql)]
    elif name:
        chosen = [queries.choose(own, others, name)]
        _require_consent(chosen[0], yes=yes)
    elif everything:
        chosen = [one for one in own if one.reads]
    else:
        _list_queries(own, others, as_csv=as_csv, spreadsheet=spreadsheet, as_json=as_json)
        return
    rows = limit if limit or as_csv or as_json else SHOWN_ROWS
    answers: list[tuple[queries.SavedQuery, queries.Result]] = []
    for number, one in enumerate(chosen, 1):
        with console.progress.status(f"{one.name} ({number} of {len(chosen)})"):
            result = queries.run(account, environment, one.sql, one.database, limit=rows)
        answers.append((one, result))
        if as_csv:
            _print_csv(result.columns, result.rows, spreadsheet=spreadsheet)
        elif not as_json:
            console.table(result.columns, result.rows, one.name)
        console.progress.print(_cost(result), style="dim")
    _show_total([result for _, result in answers])
    if as_json:
        console.print_json(
            [{"name": one.name, **dataclasses.asdict(found)} for one, found in answers]
        )


def _list_queries(
    own: list[queries.SavedQuery],
    others: Iterator[queries.SavedQuery],
    *,
    as_csv: bool,
    spreadsheet: bool,
    as_json: bool,
) -> None:
    rest = list(itertools.islice(others, SHOWN_OTHERS))
    more = next(others, None) is not None
    if as_json:
        console.print_json([dataclasses.asdict(one) for one in [*own, *rest]])
    elif as_csv:
        columns = ["name", "description", "origin"]
        rows = [[one.name, one.description, one.origin] for one in [*own, *rest]]
        _print_csv(columns, rows, spreadsheet=spreadsheet)
    else:
        listed = [(one.name, one.description) for one in own]
        console.table(["name", "description"], listed)
        if rest:
            console.table(
                ["name", "description", "origin"],
                [(one.name, one.description, one.origin) for one in rest],
                "Not the stack's: added or changed by participants",
            )
    if more:
        console.progress.print(f"There are more than {SHOWN_OTHERS} that are not the stack's.")


def _show_total(results: Sequence[queries.Result]) -> None:
    if len(results) > 1:
        seconds = sum(result.seconds for result in results)
        scanned = decimal(sum(result.scanned_bytes for result in results))
        console.progress.print(f"{len(results)} queries in {seconds:.1f} s, {scanned} scanned")


def _require_consent(query: queries.SavedQuery, *, yes: bool) -> None:
    """Show a statement that is not the stack's, and let the organizer decide.

    Raises:
        WorkshopError: it is too long to be read, or nobody can be asked and there is no --yes.
    """
    if query.origin == queries.STACK:
        return
    # Blank lines could move the part that matters out of sight.
    lines = [line.rstrip() for line in query.sql.splitlines() if line.strip()]
    if len(query.sql) > LONGEST_READ or not lines:
        raise WorkshopError(
            f"{query.name!r} is not the stack's, and has {len(query.sql):,} characters to read.",
            "Read it in Athena's console, and run what you want of it: --sql",
        )
    what = "was changed" if query.origin == queries.CHANGED else "was added"
    console.progress.print(
        f"{query.name!r} {what} after the deployment. It would run with your rights, in the "
        f"database {query.database!r}:",
        style="bold",
        soft_wrap=True,
    )
    console.progress.print("\n".join(f"  {line}" for line in lines), soft_wrap=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise WorkshopError(
            f"{query.name!r} is not the stack's, so it does not run unasked.",
            "Read its statement above, then add --yes",
        )
    typer.confirm("Run it?", abort=True, err=True)


def _print_csv(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, spreadsheet: bool
) -> None:
    lines = [columns, *rows]
    console.print_csv([map(console.inert, line) for line in lines] if spreadsheet else lines)


def _cost(result: queries.Result) -> str:
    """What a query took: its rows, its time, and what Athena bills."""
    number = len(result.rows)
    rows = f"{'the first ' if result.more else ''}{number:,} row{'' if number == 1 else 's'}"
    rest = "; there are more: a higher --limit, or --csv for all" if result.more else ""
    return f"{rows} in {result.seconds:.2f} s, {decimal(result.scanned_bytes)} scanned{rest}"


@app.command()
def verify(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> None:
    """Check the CSV in the bucket against every rule that Amazon Personalize documents.

    Example: python -m workshop verify
    """
    account = connect()
    environment = find(account, stack)
    with console.progress.status(f"Reading s3://{environment.bucket}/{verification.PREFIX}"):
        checks, _ = verification.verify(account, environment)
    if as_json:
        console.print_json([dataclasses.asdict(check) for check in checks])
    else:
        _show_checks([dataclasses.asdict(check) for check in checks])
    verification.require(checks)


@app.command("report")
def write_report(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> None:
    """Do what is left of the exercise, and write build/report.html and build/summary.json.

    Example: python -m workshop report
    """
    account = connect()
    environment = find(account, stack)
    console.progress.print(f"Working on {account}.")
    facts = summary.gather(account, environment, console.Steps())
    facts.write()
    path = report.write(facts)
    if as_json:
        console.print_json(dataclasses.asdict(facts))
    else:
        console.out.print(str(path))
    facts.require_answers()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def transform(
    context: typer.Context,
    input_dir: Annotated[Path, typer.Argument(help="A folder with Segment logs, .gz or plain.")],
    output_dir: Annotated[
        Path,
        typer.Argument(
            help="The folder for the CSV; made if needed. Rejected records go to the folder beside "
            "it, OUTPUT_DIR-rejected."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Run the job's own script, unchanged, on folders of this machine.

    Whatever else is given goes to the script as its arguments, `--NAME VALUE`.

    Example: python -m workshop transform build/logs build/interactions
    """
    from embedded_aws import spark  # noqa: PLC0415 - needs the development requirements

    if not input_dir.is_dir():
        raise WorkshopError(f"{input_dir} is not a folder.", "Name a folder with Segment logs")
    arguments = {
        "--JOB_NAME": "transform",
        # As they are: Hadoop takes a URI's %20 for a part of the name.
        "--S3_JSON_INPUT_PATH": str(input_dir.resolve()),
        "--S3_CSV_OUTPUT_PATH": str(output_dir.resolve()),
        "--S3_REJECTED_PATH": f"{output_dir.resolve()}-rejected",
        **_job_arguments(context.args),
    }
    output, errors = job.Log(), job.Log()

    def follow(stream: str, line: str) -> None:
        (output if stream == "output" else errors).add([line])
        step.update(line)

    steps = console.Steps()
    with steps.step("Transform") as step:
        words = [word for pair in arguments.items() for word in pair]
        finished = spark.run_script(
            deployment.SCRIPT, words, python_files=[deployment.HELPER], log=follow
        )
        if not finished.succeeded:
            tail = "\n  ".join(errors.tail)
            raise WorkshopError(
                f"The script failed: {finished.error_message}\n  {tail}",
                f"Look at what is in {input_dir}, and at the counts in the error",
            )
        step.result = f"the CSV is in {output_dir}"
    if as_json:
        console.print_json(output.accounting)
    else:
        _show_accounting(output.accounting, output.complaint)


app.command()(segment_cli.send_events)
app.add_typer(segment_cli.segment_app, name="segment")


def main() -> None:
    """Run the command line; an error is one sentence and the next step, and the exit code 1."""
    # Whatever cannot be written as it is must not stop an answer: a lone surrogate, for one.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = _show_exception
    # A terminated command tidies up as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except WorkshopError as error:
        _fail(error.message, error.next_step)
    except (BotoCoreError, ClientError) as error:
        _fail(str(error), "Check the account and its permissions: python -m workshop status")
    except SystemExit as stop:
        if stop.code == console.INTERRUPTED:
            console.progress.print("Interrupted.")
        raise


def _show_exception(*error: Any) -> None:  # noqa: ANN401 - what sys.excepthook takes
    """Print a traceback as Python does, but nothing in it that a terminal would act on."""
    console.progress.print("".join(traceback.format_exception(*error)), soft_wrap=True)


def _fail(message: str, next_step: str) -> None:
    console.error(message, next_step)
    sys.exit(1)


def _server(account: Account) -> Any:  # noqa: ANN401 - imported where it is needed only
    """The embedded AWS that the account's endpoint names; None on AWS."""
    if not account.endpoint:
        return None
    from embedded_aws.server import EmbeddedAws  # noqa: PLC0415 - development requirements

    deployment.build_folder()
    return EmbeddedAws(EMBEDDED_FOLDER, loopback_port(account.endpoint))


def _check_java() -> None:
    """Say now what would otherwise fail the job in a minute."""
    from embedded_aws.spark import check_java  # noqa: PLC0415 - development requirements

    check_java()


def _job_arguments(words: list[str]) -> dict[str, str]:
    """Read `--NAME VALUE` pairs.

    Raises:
        WorkshopError: a name has no value, or a value no name.
    """
    pairs = [
        part for word in words for part in (word.split("=", 1) if word[:2] == "--" else [word])
    ]
    names, values = pairs[::2], pairs[1::2]
    for name in names:
        if not name.startswith("--"):
            raise WorkshopError(f"{name} is no argument's name.", "Give arguments as --NAME VALUE")
    if len(names) != len(values):
        raise WorkshopError(f"{names[-1]} has no value.", "Give arguments as --NAME VALUE")
    return dict(zip(names, values, strict=True))


def _show(facts: summary.Summary) -> None:
    console.table(
        ["step", "result", "seconds"],
        [(step["name"], step["result"], step["seconds"]) for step in facts.steps]
        + [("Total", "", round(sum(step["seconds"] for step in facts.steps), 1))],
        "What was done",
    )
    console.table(
        ["query", "rows", "seconds", "bytes scanned"],
        [
            (q["name"], q["row_count"], q["seconds"], f"{q['scanned_bytes']:,}")
            for q in facts.queries
        ],
        "What Athena answered",
    )
    _show_checks(facts.checks)


def _show_accounting(accounting: dict[str, Any], complaint: str) -> None:
    if not accounting:
        missing = "The log with the record counts is not available yet."
        console.progress.print(complaint or missing)
        return
    console.table(
        ["records", "reason", "number"],
        [
            (count.replace("_", " "), reason, f"{number:,}")
            for count, value in accounting.items()
            for reason, number in (value if isinstance(value, dict) else {"": value}).items()
        ],
        "What became of every record",
    )


def _show_checks(checks: list[dict[str, Any]]) -> None:
    rows = [[c["rule"], "yes" if c["passed"] else "NO", c["found"], c["advice"]] for c in checks]
    columns = ["rule", "holds", "found", "what to do"]
    if all(check["passed"] for check in checks):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    console.table(columns, rows, "Personalize's rules")


def _look_around(account: Account) -> None:
    prefix, tear_down = "", "python -m workshop down"
    if account.endpoint:
        prefix = '  eval "$(python -m workshop env)"\n'
        tear_down = f"make down PORT={loopback_port(account.endpoint)}"
    console.out.print(
        "\nLook around in it:\n"
        f"  . .venv/bin/activate\n{prefix}"
        "  python -m workshop status\n"
        "  python -m workshop query 02\n"
        "  python -m workshop query 08\n"
        f"Tear it down: {tear_down}"
    )


def _today() -> date:
    return datetime.now(UTC).date()
