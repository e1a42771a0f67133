"""Imports the CSV into Amazon Personalize: makes what is missing, and follows it to its end.

Each step looks at what is there first, so a second run goes on where the first one stopped.
"""

import functools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import ClientError

from stacks.outputs import PERSONALIZE_ROLE
from workshop import causes, csv_files, freshness, verification
from workshop.account import Account
from workshop.checks import require
from workshop.environment import Environment
from workshop.errors import WorkshopError
from workshop.personalize.state import (
    ACTIVE,
    EVENT_VALUE,
    TEARDOWN,
    Found,
    ImportJob,
    Part,
    Personalize,
)
from workshop.steps import Step, Steps

STEPS = 4  # of run
AGAIN = "workshop personalize import"
# US East (N. Virginia). Source: aws.amazon.com/personalize/pricing, "Data ingestion".
DOLLARS_PER_GB, _CENT = 0.05, 0.01
# Avro types by column. Source: Amazon Personalize Developer Guide, "Item interaction dataset
# requirements": a value may be missing, the others may not.
_TYPES: dict[str, str | list[str]] = {
    "USER_ID": "string",
    "ITEM_ID": "string",
    "EVENT_TYPE": "string",
    "TIMESTAMP": "long",
    EVENT_VALUE: ["float", "null"],
}
# By words of a failure reason. Source: the same guide, "Common error messages".
_ADVICE = {
    "Insufficient privileges": "Let Personalize read the bucket: deploy the stack again, which "
    "puts its role and the bucket policy right",
    "missing the following columns": "Write the CSV again: workshop run-job",
    "Length cannot be more": "Shorten these ids at the source, and run the job again",
}
_PATIENCE_SECONDS = 60  # in which AWS may not yet show what was just made
_P = TypeVar("_P", bound=Part)


@dataclass(frozen=True)
class Csv:
    """The CSV in the bucket.

    Attributes:
        begun: when the run began that wrote it, in epoch milliseconds.
        size: its bytes, in all files.
        columns: the names in its header.
        place: the folder, as an import job takes it.
    """

    begun: int
    size: int
    columns: tuple[str, ...]
    place: str

    def cost(self) -> str:
        """What its import costs, in words."""
        dollars = self.size / 1e9 * DOLLARS_PER_GB
        price = f"about ${dollars:,.2f}" if dollars >= _CENT else "less than $0.01"
        return (
            f"Personalize charges ${DOLLARS_PER_GB} for each GB that it imports (us-east-1): "
            f"{price} for {self.size / 1e6:,.1f} MB. Training costs extra; this starts none."
        )


def csv_of(account: Account, environment: Environment, day: str = "") -> Csv:
    """Look at the CSV, or at that of a scheduled run, and hold it against Personalize's rules.

    Args:
        account: where the bucket is.
        environment: which bucket it is.
        day: the day of the scheduled run, e.g. `2026-11-26`; empty for the CSV of everything.

    Raises:
        WorkshopError: there is none, or it breaks a rule.
    """
    bucket, folder = environment.bucket, verification.PREFIX + (day and f"{day}/")
    files = list(csv_files.in_bucket(account, bucket, folder))
    checks, data = verification.verify_files(files)
    # A day need not be enough to train on; it is added to what is.
    rules = [check for check in checks if not day or check.rule != verification.ENOUGH_USERS]
    require(rules)
    return Csv(
        freshness.csv_begun(account, environment, folder),
        sum(file.size for file in files if "/" not in file.name),
        tuple(data.header.split(",")),
        f"s3://{bucket}/{folder}",
    )


def schema_of(columns: Sequence[str]) -> str:
    """The schema for a CSV of these columns, as Personalize takes it: Avro, as JSON."""
    return json.dumps(
        {
            "type": "record",
            "name": "Interactions",
            "namespace": "com.amazonaws.personalize.schema",
            "fields": [{"name": name, "type": _TYPES[name]} for name in columns],
            "version": "1.0",
        }
    )


def require_mode(found: Found, *, incremental: bool) -> None:
    """Let an incremental import have something to add to.

    Raises:
        WorkshopError: nothing has been imported; Personalize would refuse.
    """
    if incremental and not (found.imported or found.under_way):
        raise WorkshopError(
            "An incremental import adds to what was imported before, and nothing was.",
            f"Import everything first: {AGAIN}",
        )


def run(
    personalize: Personalize,
    environment: Environment,
    csv: Csv,
    steps: Steps,
    *,
    incremental: bool = False,
) -> ImportJob:
    """Import the CSV unless that is done; wait for the end.

    Returns:
        the job that imported it.

    Raises:
        WorkshopError: Personalize refuses, or something failed; the message has its reason.
    """
    client, name = personalize.client, personalize.name
    schema = personalize.schema_arn(csv.columns)
    there = functools.partial(_there, steps, personalize.pause)
    there(
        "Schema",
        lambda: personalize.schema(csv.columns),
        lambda: client.create_schema(
            name=personalize.schema_name(csv.columns), schema=schema_of(csv.columns)
        ),
    )
    there("Dataset group", personalize.group, lambda: client.create_dataset_group(name=name))
    dataset = there(
        "Dataset",
        personalize.dataset,
        lambda: client.create_dataset(
            name=name,
            schemaArn=schema,
            datasetGroupArn=personalize.group_arn,
            datasetType="Interactions",
        ),
    )
    if dataset.schema != schema:
        raise WorkshopError(
            f"The CSV has the columns {', '.join(csv.columns)}, and the dataset has the schema "
            f"{dataset.schema.rpartition('/')[2]}.",
            f"Remove what was imported, then import again: {TEARDOWN}",
        )
    with steps.step("Import job") as step:
        return _import(personalize, environment, csv, step, incremental=incremental)


def _there(
    steps: Steps,
    pause: float,
    what: str,
    look: Callable[[], Part | None],
    create: Callable[[], object],
) -> Part:
    """Make one thing unless it is there, and wait until it can be used."""
    with steps.step(what) as step:
        made = look() is None
        if made:
            with _refusals():
                create()
        part = _settled(look, step, pause)
        step.result = f"{part.name} is {part.status}" + ("" if made else ", as before")
        step.passed = part.status == ACTIVE
    if part.status != ACTIVE:
        raise WorkshopError(
            f"The {part} is {part.status}: {part.reason or 'no reason given'}",
            f"Remove it, then import again: {TEARDOWN}",
        )
    return part


def _import(
    personalize: Personalize,
    environment: Environment,
    csv: Csv,
    step: Step,
    *,
    incremental: bool,
) -> ImportJob:
    """Follow the import that is under way; make the one of the CSV unless it is done."""
    if under_way := personalize.look().under_way:
        _settled(lambda: personalize.import_job(under_way.arn), step, personalize.pause)
    done = personalize.look().import_of(csv.begun)
    if done:
        step.result = f"{done.name} is {done.status}"
        return done
    with _refusals():
        arn = personalize.client.create_dataset_import_job(
            # A name is taken for good: the second tells another attempt apart.
            jobName=f"{personalize.name}-run-{csv.begun}-{time.time():.0f}",
            datasetArn=personalize.dataset_arn,
            dataSource={"dataLocation": csv.place},
            roleArn=environment.outputs[PERSONALIZE_ROLE],
            importMode="INCREMENTAL" if incremental else "FULL",
        )["datasetImportJobArn"]
    job = _settled(lambda: personalize.import_job(arn), step, personalize.pause)
    step.passed, step.result = job.status == ACTIVE, f"{job.name} is {job.status}"
    if job.status != ACTIVE:
        advice = (text for words, text in _ADVICE.items() if words in job.reason)
        raise WorkshopError(
            f"Personalize did not import the CSV: {job.reason or 'no reason given'}",
            next(advice, f"Correct what the message names, then import again: {AGAIN}"),
        )
    return job


def _settled(look: Callable[[], _P | None], step: Step, pause: float) -> _P:
    """Wait until a creation has ended, one way or the other."""
    late = time.monotonic() + _PATIENCE_SECONDS
    while True:
        part = look()
        if part and part.is_settled:
            return part
        if part and part.status.startswith("DELETE"):
            raise WorkshopError(
                f"The {part} is {part.status}.", f"Wait until it has gone, then run: {AGAIN}"
            )
        if part is None and time.monotonic() > late:
            raise WorkshopError("Personalize does not show what it has made.", f"Run: {AGAIN}")
        step.update(part.status if part else "made")
        time.sleep(pause)


@contextmanager
def _refusals() -> Iterator[None]:
    """Go on where somebody made the same thing a moment ago; say what else Personalize refuses."""
    try:
        yield
    except ClientError as error:
        code, message = causes.code_and_message(error)
        if code == "ResourceAlreadyExistsException":
            return
        advice = {
            "LimitExceededException": "Remove what nobody needs, wait for other imports, or ask "
            "for a larger quota: docs.aws.amazon.com/personalize/latest/dg/limits.html",
            "InvalidInputException": f"Correct what the message names, then run: {AGAIN}",
            "ResourceInUseException": f"Wait a minute, then run: {AGAIN}",
        }.get(code)
        if advice is None:
            raise
        raise WorkshopError(f"Personalize refuses: {message}", advice) from error
