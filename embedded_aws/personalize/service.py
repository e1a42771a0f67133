"""A small Personalize, as strict as its documentation: data in, and what stands in its way out.

It has schemas, dataset groups, datasets and import jobs, which truly read their CSV; and solutions,
campaigns, filters and event trackers as far as they keep others from being deleted. It trains
nothing. What a request may be is botocore's model of the service (`model.py`); the
errors are those that the model names for each operation.
"""

import contextvars
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from embedded_aws import hooks
from embedded_aws.iam import AccessDeniedError, require_pass_role
from embedded_aws.personalize import model
from embedded_aws.personalize.importing import Import, read
from embedded_aws.personalize.model import KINDS, Kind, Record, RefusedError, invalid
from embedded_aws.personalize.schema import Schema
from embedded_aws.personalize.states import ACTIVE, CREATE_FAILED, GONE, Life

STAGE_SECONDS = "PERSONALIZE_STAGE_SECONDS"  # how long each state lasts at least
SERVICE = "personalize.amazonaws.com"
# In an account and region. Source: docs.aws.amazon.com/personalize/latest/dg/limits.html.
_MOST = {"Schema": 500, "DatasetGroup": 5}
_MOST_IMPORTS = 5  # that are pending or in progress
_IN_A_GROUP = ("Dataset", "Solution", "Recommender", "Filter", "EventTracker")
_pool = ThreadPoolExecutor(thread_name_prefix="personalize")


@dataclass
class _Resource:
    kind: Kind
    record: Record
    life: Life

    @property
    def arn(self) -> str:
        return str(self.record[self.kind.arn_field])

    @property
    def status(self) -> str:
        return self.life.status(time.time())

    def shown(self) -> Record:
        now = time.time()
        failed = self.status == CREATE_FAILED
        return {
            **self.record,
            "status": self.status,
            "creationDateTime": self.life.made,
            "lastUpdatedDateTime": self.life.changed(now),
            **({"failureReason": self.life.failure} if failed else {}),
        }


_resources: dict[str, _Resource] = {}


def install() -> None:
    """Serve Personalize, which MiniStack does not have."""
    hooks.app.SERVICE_HANDLERS["personalize"] = _serve
    hooks.router.SERVICE_PATTERNS["personalize"] = {"target_prefixes": ["AmazonPersonalize."]}
    hooks.iam_actions.SERVICE_TO_IAM_NAMESPACE["personalize"] = "personalize"


async def _serve(_method: str, _path: str, headers: Any, body: bytes, _query: Any) -> Any:
    name = headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        return hooks.responses.json_response(_do(name, body))
    except RefusedError as error:
        return hooks.responses.error_response_json(error.code, str(error))


def _do(name: str, body: bytes) -> Record:
    action, kind, api = model.operation(name)
    given = model.request(api, body)
    _forget_what_has_gone()
    if action == "Create":
        made = _create(kind, given)
        return model.shown(api.output_shape, made.record)
    if action == "Describe":
        found = _find(given[kind.arn_field], kind)
        return model.described(api, found.shown())
    if action == "List":
        inside = given.get(kind.inside) or given.get("solutionArn")
        records = [one.shown() for one in _mine(kind) if inside in (None, *_holders(one))]
        return model.listed(api, records, given)
    _delete(_find(given[kind.arn_field], kind))
    return {}


# ---- What is there ----


def _arn(name: str) -> str:
    region, account = hooks.responses.get_region(), hooks.responses.get_account_id()
    return f"arn:aws:personalize:{region}:{account}:{name}"


def _mine(*kinds: Kind) -> list[_Resource]:
    """The resources of some kinds in the caller's account and region, oldest first."""
    here = _arn("")
    return [it for arn, it in _resources.items() if it.kind in kinds and arn.startswith(here)]


def _holders(resource: _Resource) -> tuple[str, ...]:
    """The ARNs of what a resource is in."""
    inside = str(resource.record.get(resource.kind.inside, ""))
    return (inside, inside.rpartition("/")[0]) if resource.kind.noun == "Campaign" else (inside,)


def _inside(arn: str, *nouns: str) -> list[_Resource]:
    return [it for it in _mine(*(KINDS[noun] for noun in nouns)) if arn in _holders(it)]


def _find(arn: str, kind: Kind) -> _Resource:
    found = _resources.get(arn)
    if found is None or found.kind is not kind or not arn.startswith(_arn("")):
        raise RefusedError("ResourceNotFoundException", f"Resource Arn {arn} does not exist.")
    return found


def _find_active(arn: str, noun: str) -> _Resource:
    found = _find(arn, KINDS[noun])
    if found.status != ACTIVE:
        raise RefusedError("ResourceInUseException", f"{arn} is {found.status}, not {ACTIVE}")
    return found


def _forget_what_has_gone() -> None:
    gone = {arn for arn, it in _resources.items() if it.status == GONE}
    # An import job cannot be deleted: it goes with its dataset, as versions do with their solution.
    gone |= {arn for arn, it in _resources.items() if gone.intersection(_holders(it))}
    for arn in gone:
        del _resources[arn]


# ---- What is made ----


def _create(kind: Kind, given: Record) -> _Resource:
    arn = _arn(model.new_name(kind, given))
    if kind.noun in _CHECKS:
        _CHECKS[kind.noun](given)
    elif kind.inside:
        _find_active(given[kind.inside], kind.inside[0].upper() + kind.inside[1:-3])
    if kind.noun == "SolutionVersion":
        arn = f"{arn}/{secrets.token_hex(4)}"
    if arn in _resources:
        raise RefusedError("ResourceAlreadyExistsException", f"{arn} already exists.")
    if len(_mine(kind)) >= _MOST.get(kind.noun, len(_resources) + 1):
        raise RefusedError(
            "LimitExceededException",
            f"More than {_MOST[kind.noun]} resources in ACTIVE state. "
            "Please delete some and try again.",
        )
    stage = float(os.environ.get(STAGE_SECONDS, "0.5"))
    life = Life(time.time(), stage, kind.creation, kind.deletion)
    made = _Resource(kind, {**given, kind.arn_field: arn}, life)
    if kind.noun == "DatasetImportJob":
        _start_import(made)
    _resources[arn] = made
    return made


def _check_schema(given: Record) -> None:
    Schema.parse(given["schema"])


def _check_group(given: Record) -> None:
    if "roleArn" in given and "kmsKeyArn" not in given:
        raise invalid("A role is only valid when a KMS key is specified")


def _check_dataset(given: Record) -> None:
    group = _find_active(given["datasetGroupArn"], "DatasetGroup")
    schema = Schema.parse(_find(given["schemaArn"], KINDS["Schema"]).record["schema"])
    if schema.name.lower() != given["datasetType"].lower():
        raise invalid(f"The schema is for {schema.name}, not for {given['datasetType']}")
    if group.record.get("domain") != _resources[given["schemaArn"]].record.get("domain"):
        raise invalid("The schema and the dataset group are not of the same domain")


def _check_import(given: Record) -> None:
    role, place = given.get("roleArn"), urlsplit(given["dataSource"].get("dataLocation", ""))
    if not role:
        raise invalid("A role that can read the data source is needed")
    try:
        require_pass_role(role, SERVICE)
    except AccessDeniedError as error:
        raise RefusedError("AccessDeniedException", str(error)) from error
    if place.scheme != "s3" or not place.netloc:
        raise invalid("Invalid Data location.")
    dataset = _find_active(given["datasetArn"], "Dataset")
    if len(_under_way(_mine(KINDS["DatasetImportJob"]))) >= _MOST_IMPORTS:
        raise RefusedError(
            "LimitExceededException",
            f"More than {_MOST_IMPORTS} resources with PENDING or IN_PROGRESS status.",
        )
    earlier = [it.status for it in _inside(dataset.arn, "DatasetImportJob")]
    if given.setdefault("importMode", "FULL") == "INCREMENTAL" and ACTIVE not in earlier:
        raise invalid("The first import of bulk records into a dataset must be FULL")


def _check_solution(given: Record) -> None:
    _find_active(given["datasetGroupArn"], "DatasetGroup")
    if not given.get("recipeArn") and not given.get("performAutoML"):
        raise invalid("A recipe is needed unless AutoML is performed")


def _check_recommender(given: Record) -> None:
    if "domain" not in _find_active(given["datasetGroupArn"], "DatasetGroup").record:
        raise invalid("A recommender needs a Domain dataset group")


def _check_event_tracker(given: Record) -> None:
    group = _find_active(given["datasetGroupArn"], "DatasetGroup").arn
    if _inside(group, "EventTracker"):
        raise RefusedError("ResourceAlreadyExistsException", f"{group} has an event tracker.")


_CHECKS: dict[str, Callable[[Record], None]] = {
    "Schema": _check_schema,
    "DatasetGroup": _check_group,
    "Dataset": _check_dataset,
    "DatasetImportJob": _check_import,
    "Solution": _check_solution,
    "Recommender": _check_recommender,
    "EventTracker": _check_event_tracker,
}


def _start_import(job: _Resource) -> None:
    """Read the CSV in a thread, as whoever Personalize is in this account and region."""
    dataset = _resources[job.record["datasetArn"]].record
    schema = Schema.parse(_resources[dataset["schemaArn"]].record["schema"])
    data = Import(
        schema,
        job.record["dataSource"]["dataLocation"],
        job.record["roleArn"],
        job.arn,
        incremental=job.record["importMode"] == "INCREMENTAL",
    )
    job.life.work = _pool.submit(contextvars.copy_context().run, read, data)


# ---- What is deleted ----


def _delete(resource: _Resource) -> None:
    users = ", ".join(it.arn for it in _users(resource))
    if users:
        raise RefusedError("ResourceInUseException", f"{resource.arn} is in use by {users}.")
    if resource.status not in {ACTIVE, CREATE_FAILED}:
        raise RefusedError("ResourceInUseException", f"{resource.arn} is {resource.status}.")
    resource.life.deleted = time.time()


def _users(resource: _Resource) -> list[_Resource]:
    """What has to go, or to end, before a resource can be deleted.

    Source: Amazon Personalize API Reference, the Delete operations. Whether filters and
    recommenders keep a dataset group is not said there; they are in it.
    """
    match resource.kind.noun:
        case "Schema":
            return [it for it in _mine(KINDS["Dataset"]) if it.record["schemaArn"] == resource.arn]
        case "DatasetGroup":
            return _inside(resource.arn, *_IN_A_GROUP)
        case "Dataset":
            solutions = _inside(resource.record["datasetGroupArn"], "Solution")
            versions = [it for one in solutions for it in _inside(one.arn, "SolutionVersion")]
            return _under_way([*_inside(resource.arn, "DatasetImportJob"), *versions])
        case "Solution":
            versions = _under_way(_inside(resource.arn, "SolutionVersion"))
            return [*_inside(resource.arn, "Campaign"), *versions]
    return []


def _under_way(resources: list[_Resource]) -> list[_Resource]:
    return [it for it in resources if it.status not in {ACTIVE, CREATE_FAILED}]
