"""The command `query`: saved queries, or any statement, in Athena."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from workshop import athena, console, deployment, queries
from workshop.commands.answer import Answer, Note
from workshop.commands.context import Context, Yes
from workshop.console import Table
from workshop.errors import WorkshopError
from workshop.queries import SavedQuery

SHOWN_ROWS = 1000
SHOWN_OTHERS = 200  # saved queries that are not the stack's
_ROWS_A_TICK = 1000
_STATEMENT = "Statement"  # what a statement is called that is not saved


def _complete(incomplete: str) -> list[tuple[str, str]]:
    """The saved queries' numbers with their names, for a shell to complete; from the files."""
    names = [
        path.read_text(encoding="utf-8").splitlines()[0].removeprefix("-- name: ")
        for path in sorted((deployment.PROJECT / "athena").glob("*.sql"))
    ]
    return [(n.split()[0], n) for n in names if n.startswith(incomplete)]


def query(  # noqa: PLR0913 - a command's options are its arguments
    context: Context,
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            help="Number of a saved query, or words of its name. Use - to read a statement from "
            "standard input.",
            autocompletion=_complete,
        ),
    ] = None,
    sql: Annotated[str | None, typer.Option(help="Run this statement.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Run the statement in this file.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Run every saved query that only reads.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Show the SQL without running it.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Maximum number of rows (default: {SHOWN_ROWS:,} in a table, otherwise all).",
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Output CSV.")] = False,
    spreadsheet: Annotated[
        bool,
        typer.Option(
            "--spreadsheet", help="Output CSV with ' before values that would run as a formula."
        ),
    ] = False,
    yes: Yes = False,
) -> Answer | None:
    """List the saved queries, or run one, all, or any statement.

    Choose one of the stack's own queries by its number or by words of its name. A query that
    somebody added or changed runs by its full name only, after you have read it: it runs with your
    rights.

    Example: workshop query 02

    Example: workshop query sessions --csv > sessions.csv

    Example: workshop query --sql "SELECT count(*) FROM segment_logs"
    """
    as_csv = as_csv or spreadsheet
    if sum((bool(name), sql is not None, bool(file), everything)) > 1:
        raise WorkshopError("Use only one of NAME, --sql, --file and --all.", "Leave out the rest")
    if as_csv and (context.as_json or everything):
        raise WorkshopError(
            "--csv outputs one table: do not combine it with --json or --all.",
            "Use --json for --all",
        )
    statement = queries.statement(name, sql, file)
    if statement is not None:
        chosen = [SavedQuery(_STATEMENT, "", context.environment.database, statement)]
    else:
        own = queries.own(context.account, context.environment)
        others = queries.others(context.account, context.environment)
        if not name and not everything:
            return _list(own, others, as_csv=as_csv, spreadsheet=spreadsheet)
        chosen = [queries.choose(own, others, name)] if name else [q for q in own if q.reads]
    if show:
        return Answer(chosen, [console.plain(saved.sql) for saved in chosen])
    for saved in chosen:
        _require_consent(saved, yes=yes)
    if as_csv:
        _print_csv(context, chosen[0], limit, spreadsheet=spreadsheet)
        return None
    return _run(context, chosen, limit)


def _list(
    own: list[SavedQuery], others: Iterator[SavedQuery], *, as_csv: bool, spreadsheet: bool
) -> Answer | None:
    rest = list(itertools.islice(others, SHOWN_OTHERS))
    columns = ["name", "description", "origin"]
    rows = [(saved.name, saved.description, saved.origin) for saved in [*own, *rest]]
    parts: list[Table | Note] = []
    if as_csv:
        console.print_csv([columns, *rows], spreadsheet=spreadsheet)
    else:
        parts = [Table(columns[:2], [row[:2] for row in rows[: len(own)]])]
        if rest:
            title = "Not the stack's: added or changed by participants"
            parts.append(Table(columns, rows[len(own) :], title))
    if next(others, None) is not None:
        parts.append(Note(f"There are more than {SHOWN_OTHERS} that are not the stack's."))
    return Answer([*own, *rest], parts)


def _run(context: Context, chosen: list[SavedQuery], limit: int | None) -> Answer:
    rows = limit or (None if context.as_json else SHOWN_ROWS)
    parts: list[Table | Note] = []
    results = []
    for number, saved in enumerate(chosen, 1):
        doing = f"{saved.name} ({number} of {len(chosen)})"
        with console.progress.status(doing):
            result = athena.run(
                context.account, context.environment, saved.sql, saved.database, limit=rows
            )
        results.append(result)
        if result.columns:  # there are none of a statement that answers nothing
            parts.append(Table(result.columns, result.rows, saved.name))
        more = "; there are more: a higher --limit, or --csv for all" if result.more else ""
        parts.append(Note(result.cost + more))
    if len(results) > 1:
        seconds = sum(result.seconds for result in results)
        scanned = decimal(sum(result.scanned_bytes for result in results))
        parts.append(Note(f"{len(results)} queries in {seconds:.1f} s, {scanned} scanned"))
    value = [
        {"name": saved.name, **vars(result), "rows": result.records()}
        for saved, result in zip(chosen, results, strict=True)
    ]
    return Answer(value, parts)


def _print_csv(
    context: Context, saved: SavedQuery, limit: int | None, *, spreadsheet: bool
) -> None:
    """Print a query's answer as it comes from S3, with its progress on standard error."""
    account, count = context.account, 0
    with console.progress.status(saved.name) as status:
        execution = athena.execute(account, context.environment, saved.sql, saved.database)
        rows = itertools.islice(athena.stream(account, execution), limit and limit + 1)
        while batch := list(itertools.islice(rows, _ROWS_A_TICK)):
            console.print_csv(batch, spreadsheet=spreadsheet)
            count += len(batch)
            status.update(f"{saved.name}: {console.counted(count, 'row')}")
    console.progress.print(
        f"{console.counted(max(count - 1, 0), 'row')} in {execution.seconds:.2f} s, "
        f"{decimal(execution.scanned_bytes)} scanned",
        style="dim",
    )


def _require_consent(query: SavedQuery, *, yes: bool) -> None:
    """Show a statement that is not the stack's, and let the organizer decide."""
    if query.origin == queries.STACK:
        return
    lines = query.lines_to_read()
    what = "was changed" if query.origin == queries.CHANGED else "was added"
    console.progress.print(
        f"{query.name!r} {what} after the deployment. It would run with your rights, in the "
        f"database {query.database!r}:",
        style="bold",
        soft_wrap=True,
    )
    console.progress.print("\n".join(f"  {line}" for line in lines), soft_wrap=True)
    console.confirm(f"Run {query.name!r}", yes=yes)
