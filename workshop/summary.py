"""The summary of an environment: what was deployed, what ran in it, and what came out."""

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workshop import figures, job, queries, verification
from workshop.account import Account
from workshop.console import Steps
from workshop.deployment import BUILD, build_folder, write_private
from workshop.environment import Environment
from workshop.figures import Figure

SUMMARY = BUILD / "summary.json"
SAMPLE_ROWS = 20
FETCHED_ROWS = 1000
EVENT_TYPES = 100  # that are named: Personalize takes 10


@dataclass(frozen=True)
class Summary:
    """Everything that build/summary.json says, by section, as plain JSON values.

    Attributes:
        environment: where it is, whether embedded, when this was, the stack, its id, its outputs.
        steps: what was done, each with its result and its seconds.
        job: the job run: id, state, seconds, accounting, complaint (about an accounting that cannot
            be read); empty when none has succeeded.
        queries: each saved query that reads: name, description, columns, row_count (and whether
            there are more), the first rows, seconds, scanned_bytes.
        figures: what the report draws: rows by column, by the figure's name.
        checks: each of Personalize's rules: rule, passed, found, advice.
        interactions: rows, users, items, event_types (records by type), first and last (epoch
            seconds) of the CSV.
    """

    environment: dict[str, Any]
    steps: list[dict[str, Any]]
    job: dict[str, Any]
    queries: list[dict[str, Any]]
    figures: dict[str, Figure]
    checks: list[dict[str, Any]]
    interactions: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether Personalize would accept the CSV."""
        return bool(self.checks) and all(check["passed"] for check in self.checks)

    def write(self) -> Path:
        """Write build/summary.json and return its path."""
        build_folder()
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        write_private(SUMMARY, text.encode())
        return SUMMARY


def previous() -> Summary | None:
    """The summary that was written last; None when there is none that can be read."""
    try:
        return Summary(**json.loads(SUMMARY.read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def gather(account: Account, environment: Environment, steps: Steps) -> Summary:
    """Do the exercise as far as it is not done, and sum it up.

    The job runs unless a run has succeeded, the queries and the figures unless the previous summary
    has their answers for the same stack and run: doing it again is quick and changes nothing.
    """
    done = job.last_run(account, environment, "SUCCEEDED")
    with steps.step("Glue job") as step:
        if done is None:
            done = job.run(account, environment, follow=lambda state, _: step.update(state))
            step.result = f"{_rows_written(done)} in {done.seconds} s"
        else:
            step.result = f"{_rows_written(done)}, by an earlier run"
    old = previous()
    same = old and old.environment["stack_id"] == environment.stack_id and old.job["id"] == done.id
    with steps.step("Saved queries") as step:
        if old and same:
            answers = old.queries
            step.result = f"{len(answers)} answered by an earlier run"
        else:
            answers = []
            saved = [q for q in queries.own(account, environment) if q.reads]
            for query in saved:
                step.update(query.name)
                answers.append(_answer(account, environment, query))
            step.result = f"{len(answers)} answered"
    with steps.step("Report's figures") as step:
        if old and same and old.figures.keys() == figures.NAMES:
            drawn = old.figures
            step.result = f"{len(drawn)} computed by an earlier run"
        else:
            drawn = figures.compute(account, environment, progress=step.update)
            step.result = f"{len(drawn)} computed"
            cut = [name for name, rows in drawn.items() if len(rows) == figures.MOST_ROWS]
            if cut:
                step.result += f"; only the first {figures.MOST_ROWS:,} rows of {', '.join(cut)}"
    with steps.step("Personalize's rules") as step:
        checks, data = verification.verify(account, environment)
        step.result = f"{sum(c.passed for c in checks)} of {len(checks)} hold"
        step.passed = all(c.passed for c in checks)
    return Summary(
        environment={
            "where": str(account),
            "embedded": account.embedded,
            "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "stack": environment.stack,
            "stack_id": environment.stack_id,
            "outputs": environment.outputs,
        },
        steps=[step.facts() for step in steps.done],
        job=dataclasses.asdict(done),
        queries=answers,
        figures=drawn,
        checks=[dataclasses.asdict(check) for check in checks],
        interactions={
            "rows": data.rows,
            "users": len(data.users),
            "items": len(data.items),
            "event_types": dict(data.event_types.most_common(EVENT_TYPES)),
            "first": data.first,
            "last": data.last,
        },
    )


def _rows_written(run: job.JobRun) -> str:
    if not run.accounting:
        return f"done ({run.complaint})" if run.complaint else "done"
    return f"{run.accounting['rows_written']:,} rows"


def _answer(
    account: Account, environment: Environment, query: queries.SavedQuery
) -> dict[str, Any]:
    result = queries.run(account, environment, query.sql, query.database, limit=FETCHED_ROWS)
    return {
        "name": query.name,
        "description": query.description,
        "columns": result.columns,
        "row_count": len(result.rows),
        "more": result.more,
        "rows": result.rows[:SAMPLE_ROWS],
        "seconds": result.seconds,
        "scanned_bytes": result.scanned_bytes,
    }
