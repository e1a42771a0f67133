"""The summary of an environment: what was deployed, what ran in it, and what came out."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workshop import athena, figures, freshness, job, private, queries, verification
from workshop.account import Account
from workshop.athena_advice import DROPPED, next_step
from workshop.checks import Check
from workshop.deployment import BUILD, build_folder
from workshop.environment import Environment
from workshop.errors import WorkshopError
from workshop.figures import Figure
from workshop.steps import Step, Steps

SUMMARY = BUILD / "summary.json"
STEPS = 4  # of gather
SAMPLE_ROWS = 20
FETCHED_ROWS = 1000
MESSAGE_LENGTH = 500
EVENT_TYPES = 100  # that are named: Personalize takes 10


@dataclass(frozen=True)
class Summary:
    """The contents of build/summary.json, by section, as JSON values and dataclasses.

    Attributes:
        environment: where it is, whether embedded, when this was, the stack, its id, its outputs.
        steps: what was done, each with its result and its seconds.
        job: the job run: id, state, seconds, accounting (unless it is of other data than the rest),
            complaint (why it is not there, or what the CSV is older than); empty when none has
            succeeded.
        queries: each saved query that reads: name, description, columns, row_count (and whether
            there are more), the first rows, seconds, scanned_bytes.
        figures: what the report draws: rows by column, by the figure's name.
        failures: what Athena could not answer, and why: a CSV that is not the job's can do that.
        checks: each of Personalize's rules.
        interactions: rows, users, items, event_types (records by type), first and last (epoch
            seconds) of the CSV.
    """

    environment: dict[str, Any]
    steps: list[dict[str, Any]]
    job: dict[str, Any]
    queries: list[dict[str, Any]]
    figures: dict[str, Figure]
    failures: list[str]
    checks: list[Check]
    interactions: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether Personalize would accept the CSV."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def require_answers(self) -> None:
        """Raise an error if Athena failed to answer a statement.

        Raises:
            WorkshopError: it has not; the message names what and why.
        """
        if self.failures:
            advice = (
                f"Look at the rules in {SUMMARY.with_name('report.html')}; a new run of the job "
                "writes the CSV again: workshop run-job"
            )
            raise WorkshopError(
                f"Athena did not answer {len(self.failures)} statements: {self.failures[0]}",
                DROPPED if DROPPED in map(next_step, self.failures) else advice,
            )

    def write(self) -> Path:
        """Write build/summary.json and return its path."""
        build_folder()
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        private.write(SUMMARY, text.encode())
        return SUMMARY


def previous() -> Summary | None:
    """The summary that was written last; None when there is none that can be read."""
    try:
        return Summary(**json.loads(SUMMARY.read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def gather(account: Account, environment: Environment, steps: Steps) -> Summary:
    """Run whatever is missing from the exercise, and sum it up.

    The job runs unless a run has succeeded, the queries and the figures unless the previous summary
    has their answers for the same stack and run: doing it again is quick and changes nothing.
    """
    done = job.last_run(account, environment, "SUCCEEDED")
    with steps.step("Glue job") as step:
        if done is None:
            done = job.run(account, environment, lambda state, _: step.update(state))
            step.result = f"{_rows_written(done)} in {done.seconds} s"
        else:
            step.result = f"{_rows_written(done)}, by an earlier run"
        data = freshness.look(account, environment)
        done = _matched(done, data, data.complaint(job.last_run(account, environment)))
        if done.complaint:
            step.passed, step.result = False, f"{step.result}; {done.complaint}"
    old = previous()
    same = (
        old
        and old.environment["stack_id"] == environment.stack_id
        and old.environment.get("data") == dataclasses.asdict(data)
        and old.job["id"] == done.id
        and not old.failures
    )
    failures: list[str] = []
    with steps.step("Saved queries") as step:
        if old and same:
            answers = old.queries
            step.result = f"{len(answers)} answered by an earlier run"
        else:
            answers = []
            saved = [q for q in queries.own(account, environment) if q.reads]
            for query in saved:
                step.update(query.name)
                with _noted(failures, f"{query.name}: "):
                    answers.append(_answer(account, environment, query))
            step.result = f"{len(answers)} answered"
            _tell(step, failures)
    with steps.step("Report's figures") as step:
        if old and same and old.figures.keys() == figures.STATEMENTS.keys():
            drawn = old.figures
            step.result = f"{len(drawn)} computed by an earlier run"
        else:
            drawn, before = {}, len(failures)
            for name in figures.STATEMENTS:
                step.update(name)
                drawn[name] = []
                with _noted(failures):
                    drawn[name] = figures.compute(account, environment, name)
            step.result = f"{sum(bool(rows) for rows in drawn.values())} computed"
            _tell(step, failures[before:])
            cut = [name for name, rows in drawn.items() if len(rows) == figures.MOST_ROWS]
            if cut:
                step.result += f"; only the first {figures.MOST_ROWS:,} rows of {', '.join(cut)}"
    with steps.step("Personalize's rules") as step:
        checks, csv = verification.verify(account, environment)
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
            "data": dataclasses.asdict(data),
        },
        steps=[
            {key: getattr(step, key) for key in ("name", "result", "seconds", "passed")}
            for step in steps.done
        ],
        job=dataclasses.asdict(done),
        queries=answers,
        figures=drawn,
        failures=failures,
        checks=checks,
        interactions={
            "rows": csv.rows,
            "users": len(csv.users),
            "items": len(csv.items),
            "event_types": dict(csv.event_types.most_common(EVENT_TYPES)),
            "first": csv.first,
            "last": csv.last,
        },
    )


@contextmanager
def _noted(failures: list[str], what: str = "") -> Iterator[None]:
    """Go on where Athena refuses or fails a statement: the others say all the more."""
    try:
        yield
    except WorkshopError as error:
        failures.append(f"{what}{error.message}"[:MESSAGE_LENGTH])


def _tell(step: Step, failures: list[str]) -> None:
    if failures:
        step.passed = False
        step.result += f"; {len(failures)} failed, {failures[0]}"


def _matched(run: job.JobRun, data: freshness.Data, complaint: str) -> job.JobRun:
    """The run with its record counts only where the CSV and the logs are those that it counted."""
    counts = run.accounting
    if not data.is_of(run):
        counts, complaint = None, complaint or f"The CSV is not of the run {run.id}"
    complaints = "; ".join(filter(None, (run.complaint, complaint)))
    return dataclasses.replace(run, accounting=counts, complaint=complaints)


def _rows_written(run: job.JobRun) -> str:
    if not run.accounting:
        return f"done ({run.complaint})" if run.complaint else "done"
    return f"{run.accounting.rows_written:,} rows"


def _answer(
    account: Account, environment: Environment, query: queries.SavedQuery
) -> dict[str, Any]:
    result = athena.run(account, environment, query.sql, query.database, limit=FETCHED_ROWS)
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
