"""What Personalize has of an environment: found by the names that follow from the environment's."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from workshop import causes
from workshop.account import Account, error_code
from workshop.errors import WorkshopError

ACTIVE, FAILED = "ACTIVE", "CREATE FAILED"
GROUP, SCHEMA, DATASET, IMPORT = "dataset group", "schema", "dataset", "import job"
NOT_FOUND = "ResourceNotFoundException"
TEARDOWN = "workshop personalize teardown"  # what removes all of it
# A second schema for a CSV with this column: a schema never changes once it is made.
EVENT_VALUE = "EVENT_VALUE"
# An import job of this program says which CSV it imports: that of the run which began then.
_JOB_NAME = re.compile(r".+-run-([0-9]{1,15})-[0-9]+")


@dataclass(frozen=True)
class Part:
    """One thing that Personalize has.

    Attributes:
        kind: what it is, such as `dataset group`.
        name: its name.
        arn: its ARN.
        status: as Personalize says it; a schema, which has none, is always ACTIVE.
        reason: why it failed, in Personalize's words.
        schema: the ARN of a dataset's schema.
    """

    kind: str
    name: str
    arn: str
    status: str = ACTIVE
    reason: str = ""
    schema: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether its creation has ended, one way or the other."""
        return self.status in {ACTIVE, FAILED}

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class ImportJob(Part):
    """One import.

    Attributes:
        mode: `FULL` or `INCREMENTAL`.
        csv: when the run began that wrote the CSV, in epoch milliseconds; 0 for other imports.
        created: when the job was made, in epoch seconds.
    """

    mode: str = "FULL"
    csv: int = 0
    created: float = 0

    @property
    def sentence(self) -> str:
        """Which CSV it imports, and what came of it."""
        csv = f"the CSV of {moment(self.csv)}" if self.csv else "another CSV"
        reason = f": {self.reason}" if self.reason else ""
        return f"{csv} with {self.name} ({self.mode}): {self.status}{reason}"


@dataclass(frozen=True)
class Found:
    """What Personalize has of an environment.

    Attributes:
        schemas, group, dataset: what is there of them.
        imports: the import jobs, newest first.
    """

    schemas: Sequence[Part] = ()
    group: Part | None = None
    dataset: Part | None = None
    imports: Sequence[ImportJob] = field(default=())

    @property
    def parts(self) -> list[Part]:
        """What can be deleted, in the order in which it has to be."""
        return [part for part in (self.dataset, self.group, *self.schemas) if part]

    @property
    def under_way(self) -> ImportJob | None:
        """The import that has not ended, if there is one."""
        return next((job for job in self.imports if not job.is_settled), None)

    @property
    def imported(self) -> ImportJob | None:
        """The newest import that succeeded, if there is one."""
        return next((job for job in self.imports if job.status == ACTIVE), None)

    def import_of(self, csv: int) -> ImportJob | None:
        """The import by which the dataset has a CSV, or is about to: nothing needs to be made."""
        for job in self.imports:
            if job.status != FAILED:
                if job.csv == csv:
                    return job
                if job.mode == "FULL":  # it replaced what came before
                    return None
        return None


class Personalize:
    """Personalize in one account and region, for one environment.

    Args:
        account: where.
        name: the name of the dataset group and of the schema: that of the environment's workgroup,
            of which an account and region has only one.

    Attributes:
        pause: seconds between two looks at what is under way.
    """

    def __init__(self, account: Account, name: str) -> None:
        self.client: Any = account.session.client("personalize")
        self.name = name
        self.pause = 0.2 if account.embedded else 10.0
        partition = account.session.get_partition_for_region(account.region)
        self._prefix = f"arn:{partition}:personalize:{account.region}:{account.id}"

    @property
    def group_arn(self) -> str:
        """The dataset group's ARN."""
        return f"{self._prefix}:dataset-group/{self.name}"

    @property
    def dataset_arn(self) -> str:
        """The ARN of the dataset of interactions."""
        return f"{self._prefix}:dataset/{self.name}/INTERACTIONS"

    def schema_arn(self, columns: Sequence[str]) -> str:
        """The ARN of the schema for a CSV's columns."""
        return f"{self._prefix}:schema/{self.schema_name(columns)}"

    def schema_name(self, columns: Sequence[str]) -> str:
        """The name of the schema for a CSV's columns."""
        return f"{self.name}-event-value" if EVENT_VALUE in columns else self.name

    def look(self) -> Found:
        """Find what is there."""
        schemas = [self.schema(columns) for columns in ([], [EVENT_VALUE])]
        group = self.group()
        dataset = self.dataset() if group else None
        imports = self.imports() if dataset else []
        return Found([schema for schema in schemas if schema], group, dataset, imports)

    def group(self) -> Part | None:
        """The dataset group, if it is there."""
        found = self._describe("dataset_group", self.group_arn)
        return _part(GROUP, self.name, self.group_arn, found) if found else None

    def dataset(self) -> Part | None:
        """The dataset of interactions, if it is there."""
        found = self._describe("dataset", self.dataset_arn)
        return _part(DATASET, found["name"], self.dataset_arn, found) if found else None

    def schema(self, columns: Sequence[str]) -> Part | None:
        """The schema for a CSV's columns, if it is there."""
        arn, name = self.schema_arn(columns), self.schema_name(columns)
        found = self._describe("schema", arn)
        return Part(SCHEMA, name, arn) if found else None

    def imports(self) -> list[ImportJob]:
        """The import jobs of the dataset, newest first."""
        pages = self.client.get_paginator("list_dataset_import_jobs").paginate(
            datasetArn=self.dataset_arn
        )
        jobs = [_import(found) for page in pages for found in page["datasetImportJobs"]]
        return sorted(jobs, key=lambda job: job.created, reverse=True)

    def import_job(self, arn: str) -> ImportJob | None:
        """One import job, if it is there."""
        found = self._describe("dataset_import_job", arn)
        return _import(found) if found else None

    def others(self) -> list[str]:
        """What others made in the dataset group, which cannot be deleted before it."""
        found = list(self._list("list_datasets", "datasets", "dataset"))
        found = [(label, arn) for label, arn in found if arn != self.dataset_arn]
        solutions = list(self._list("list_solutions", "solutions", "solution"))
        found += solutions
        for _, arn in solutions:
            found += self._list("list_campaigns", "campaigns", "campaign", solutionArn=arn)
        found += self._list("list_recommenders", "recommenders", "recommender")
        found += self._list("list_filters", "Filters", "filter")
        found += self._list("list_event_trackers", "eventTrackers", "event tracker")
        return [label for label, _ in found]

    def _list(
        self, operation: str, key: str, kind: str, **inside: str
    ) -> Iterable[tuple[str, str]]:
        """Yield what an operation lists: a label and the ARN."""
        arn = f"{key[0].lower()}{key[1:-1]}Arn"
        inside = inside or {"datasetGroupArn": self.group_arn}
        for page in self.client.get_paginator(operation).paginate(**inside):
            yield from ((f"{kind} {found['name']}", found[arn]) for found in page[key])

    def _describe(self, what: str, arn: str) -> Any:  # noqa: ANN401 - boto3's own
        """What Personalize says of one thing; None where it is not there."""
        words = what.split("_")
        key = words[0] + "".join(word.title() for word in words[1:])
        try:
            answer = getattr(self.client, f"describe_{what}")(**{f"{key}Arn": arn})
        except ClientError as error:
            if error_code(error) == NOT_FOUND:
                return None
            raise
        return answer[key]


def require_region(account: Account) -> None:
    """Let the region have Personalize.

    Raises:
        WorkshopError: it does not; the message names those that do.
    """
    regions = account.session.get_available_regions("personalize")
    if account.region not in regions:
        raise WorkshopError(
            f"The region {account.region} does not have Amazon Personalize.",
            f"Deploy in one that does, and import there: {', '.join(regions)}",
        )


def leftovers(account: Account, names: Iterable[str]) -> tuple[list[Part], list[str]]:
    """Find what `personalize import` made for environments of some names.

    Returns:
        what is there; and what could not be looked up, with the reason.
    """
    if account.region not in account.session.get_available_regions("personalize"):
        return [], []
    parts, unchecked = list[Part](), list[str]()
    for name in names:
        try:
            parts += Personalize(account, name).look().parts
        except ClientError as error:
            if causes.of(error) is not causes.DENIED:
                raise
            code, message = causes.code_and_message(error)
            unchecked.append(f"Personalize {GROUP} {name}: {code} {message}")
    return parts, unchecked


def moment(milliseconds: int) -> str:
    """A moment in words."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _part(kind: str, name: str, arn: str, found: Any) -> Part:  # noqa: ANN401 - boto3's own
    return Part(
        kind,
        name,
        arn,
        found["status"],
        found.get("failureReason", ""),
        found.get("schemaArn", ""),
    )


def _import(found: Any) -> ImportJob:  # noqa: ANN401 - boto3's own
    named = _JOB_NAME.fullmatch(found["jobName"])
    return ImportJob(
        IMPORT,
        found["jobName"],
        found["datasetImportJobArn"],
        found["status"],
        found.get("failureReason", ""),
        mode=found.get("importMode", "FULL"),
        csv=int(named[1]) if named else 0,
        created=found["creationDateTime"].timestamp(),
    )
