"""The commands for the environment as a whole: `up`, `status`, `down`."""

from typing import Annotated

import typer

from workshop import (
    console,
    deletion,
    freshness,
    job,
    readiness,
    rehearsal,
    report,
    summary,
)
from workshop.checks import require
from workshop.commands.answer import Answer, failure_of
from workshop.commands.context import Context, Yes
from workshop.console import Table
from workshop.environment import deployed, describe
from workshop.inventory import Inventory
from workshop.steps import Steps


def up(
    context: Context,
    *,
    option: Annotated[
        list[str] | None,
        typer.Option("--cdk", help="Extra argument for cdk deploy; can be repeated."),
    ] = None,
) -> Answer:
    """Deploy the environment, do the exercise in it, and report.

    You can run it again: steps that are done are skipped.

    Example: workshop up --local
    """
    facts = rehearsal.up(context.account, context.stack, option or [], context.server)
    paths = [facts.write(), report.write(facts)]
    failure = failure_of(facts.require_answers) or failure_of(require, facts.checks)
    return Answer(
        facts,
        [
            *_tables(facts),
            "Personalize's rules",
            console.checks(facts.checks),
            f"Report: {paths[1]}\nFacts:  {paths[0]}",
            _look_around(context),
        ],
        failure,
    )


def status(context: Context) -> Answer:
    """Show what is deployed, whether it is ready, and the last run.

    Example: workshop status --json
    """
    account, environment = context.account, context.environment
    checks = readiness.check(account, environment)
    last, current = job.last_run(account, environment), job.current_run(account, environment)
    complaint = freshness.complaint(account, environment)
    stale = [("CSV", f"{complaint}: workshop run-job")] if complaint else []
    attach = [("current run", f"{current}: workshop run-job --attach")] if current else []
    return Answer(
        {
            "where": str(account),
            "account": account.id,
            "region": account.region,
            "endpoint": account.endpoint,
            "stack": environment.stack,
            "status": environment.status,
            "checks": checks,
            "last_run": last,
            "current_run": current,
            "csv_complaint": complaint,
            "outputs": environment.outputs,
        },
        [
            console.facts(
                [
                    ("where", account),
                    *((check.rule.lower(), check.found) for check in checks),
                    *attach,
                    ("last run", last or "none: workshop run-job"),
                    *stale,
                    *_outputs(context),
                ]
            )
        ],
        failure_of(require, checks, "checks"),
    )


def down(context: Context, *, yes: Yes = False) -> Answer:
    """Destroy the environment, and check that nothing is left.

    If anything is left, the command fails and names it. The embedded AWS stops as well, unless
    another copy is deployed there.

    Example: workshop down --local
    """
    account, server, steps = context.account, context.server, Steps()
    if server and not server.running():
        server.require_none()
        return Answer(
            Inventory(known=False).facts(),
            [f"The embedded AWS does not run at {account.endpoint}: nothing to do."],
        )
    account.check_reachable()
    if describe(account, context.stack):  # what is gone already needs no consent
        console.confirm(deletion.question(account, context.stack), yes=yes)
    context.announce()
    with steps.step(f"Delete {context.stack}") as step:
        taken = deletion.delete(account, context.stack, step.update)
        step.passed = not taken.left
        step.result = taken.summary(account, context.stack)
    failure = failure_of(taken.require_nothing, account)
    statements = console.facts(
        [(f"theirs: {name}", sql) for name, sql in taken.participants.items()]
        + [(f"imported: {name}", context.hint(how)) for name, how in taken.imported.items()]
    )
    if server and not failure and not deployed(account):
        with steps.step("Embedded AWS") as step:
            server.stop()
            step.result = "stopped, with everything that was in it"
        return Answer(taken.facts())
    return Answer(taken.facts(), [statements], failure)


def _outputs(context: Context) -> list[tuple[str, str]]:
    """The stack's outputs; without console links on the embedded AWS, which has no console."""
    outputs = context.environment.outputs.items()
    return [(k, v) for k, v in outputs if not (context.account.embedded and v.startswith("https:"))]


def _tables(facts: summary.Summary) -> list[Table]:
    total = round(sum(step["seconds"] for step in facts.steps), 1)
    steps = [(step["name"], step["result"], step["seconds"]) for step in facts.steps]
    return [
        Table(["step", "result", "seconds"], [*steps, ("Total", "", total)], "What was done"),
        Table(
            ["query", "rows", "seconds", "bytes scanned"],
            [
                (q["name"], q["row_count"], q["seconds"], f"{q['scanned_bytes']:,}")
                for q in facts.queries
            ],
            "Athena queries",
        ),
    ]


def _look_around(context: Context) -> str:
    return context.hint(
        "\nLook around in it:\n"
        "  . .venv/bin/activate\n"
        "  workshop status\n"
        "  workshop query 02\n"
        "  workshop query 08\n"
        "Tear it down: workshop down"
    )
