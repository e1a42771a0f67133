"""Removes what `personalize import` made, in the order that Personalize demands.

A dataset goes when none of its imports is under way, a dataset group after everything in it, a
schema after the datasets that use it. Import jobs go with their dataset. Source: Amazon Personalize
API Reference, the Delete operations.
"""

import time

from botocore.exceptions import ClientError

from workshop import causes
from workshop.errors import WorkshopError
from workshop.personalize.state import (
    DATASET,
    GROUP,
    NOT_FOUND,
    TEARDOWN,
    Found,
    Part,
    Personalize,
)
from workshop.steps import Step, Steps


def require_alone(personalize: Personalize, found: Found) -> None:
    """Let nobody else have made anything in the dataset group.

    Raises:
        WorkshopError: somebody has; the message names what.
    """
    others = personalize.others() if found.group else []
    if others:
        raise WorkshopError(
            f"Others use the dataset group {personalize.name}: {', '.join(others)}.",
            f"Delete these first if nobody needs them, then run: {TEARDOWN}",
        )


def run(personalize: Personalize, found: Found, steps: Steps) -> list[str]:
    """Delete everything, and wait until it has gone.

    Returns:
        what was deleted.

    Raises:
        WorkshopError: Personalize refuses, or could not delete something.
    """
    if found.under_way:
        with steps.step("Import job") as step:
            _end_of_imports(personalize, step)
    for part in found.parts:
        with steps.step(f"Delete the {part}") as step:
            _delete(personalize, part, step)
            step.result = "gone"
    return [str(part) for part in found.parts]


def _end_of_imports(personalize: Personalize, step: Step) -> None:
    """Wait for the end of the import: it cannot be stopped, and holds its dataset."""
    while job := personalize.look().under_way:
        step.update(f"waits for {job.name}, which cannot be stopped: {job.status}")
        time.sleep(personalize.pause)
    step.result = "has ended"


def _delete(personalize: Personalize, part: Part, step: Step) -> None:
    """Delete one thing once its creation has ended, and wait until Personalize does not know it.

    Raises:
        WorkshopError: it is there to stay.
    """
    asked = False
    while found := {one.arn: one for one in personalize.look().parts}.get(part.arn):
        if found.status == "DELETE FAILED":
            raise WorkshopError(
                f"The {found} is {found.status}: {found.reason or 'no reason given'}",
                f"Look at it in the console of Personalize, then run: {TEARDOWN}",
            )
        if found.is_settled and not asked:
            _ask(personalize, found)
            asked = True
        step.update(found.status)
        time.sleep(personalize.pause)


def _ask(personalize: Personalize, part: Part) -> None:
    """Call the Delete operation; it returns before the thing has gone."""
    client = personalize.client
    try:
        if part.kind == DATASET:
            client.delete_dataset(datasetArn=part.arn)
        elif part.kind == GROUP:
            client.delete_dataset_group(datasetGroupArn=part.arn)
        else:
            client.delete_schema(schemaArn=part.arn)
    except ClientError as error:
        code, message = causes.code_and_message(error)
        if code == NOT_FOUND:
            return
        if code != "ResourceInUseException":
            raise
        raise WorkshopError(
            f"Personalize does not delete the {part}: {message}",
            f"Delete what uses it, or wait until that has gone, then run: {TEARDOWN}",
        ) from error
