"""Holds Personalize's requests and answers against the service's own model, which is botocore's."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.session import Session
from botocore.validate import ParamValidator

from embedded_aws.personalize.states import (
    CREATE_IN_PROGRESS,
    CREATE_PENDING,
    DELETE_IN_PROGRESS,
    DELETE_PENDING,
)

Record = dict[str, Any]

# What Java's patterns have and Python's have not: the classes of tags, and of tokens.
_IN_PYTHON = ((r"\p{L}\p{Z}\p{N}_", r"\w\s"), (r"\p{ASCII}", r"[\x00-\x7f]"))
_OPERATION = re.compile("(Create|Describe|List|Delete)([A-Za-z]+)")


class RefusedError(Exception):
    """A request that Personalize refuses: its error code, and its text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> RefusedError:
    """The error for an input that the model allows and Personalize does not."""
    return RefusedError("InvalidInputException", message)


@dataclass(frozen=True)
class Kind:
    """A kind of resource.

    Attributes:
        noun: as operations name it, such as `DatasetGroup`.
        path: as its ARN has it, such as `dataset-group`.
        inside: the field that names what it is in.
        creation, deletion: the states that it goes through, until it is there or has gone.
    """

    noun: str
    path: str
    inside: str = ""
    creation: tuple[str, ...] = (CREATE_PENDING, CREATE_IN_PROGRESS)
    deletion: tuple[str, ...] = (DELETE_PENDING, DELETE_IN_PROGRESS)

    @property
    def arn_field(self) -> str:
        """The field of its ARN."""
        return f"{self.noun[0].lower()}{self.noun[1:]}Arn"


_GROUP = "datasetGroupArn"
KINDS = {
    kind.noun: kind
    for kind in (
        Kind("Schema", "schema", creation=(), deletion=()),
        Kind("DatasetGroup", "dataset-group", deletion=(DELETE_PENDING,)),
        Kind("Dataset", "dataset", _GROUP),
        Kind("DatasetImportJob", "dataset-import-job", "datasetArn"),
        Kind("Solution", "solution", _GROUP),
        Kind("SolutionVersion", "solution", "solutionArn"),
        Kind("Campaign", "campaign", "solutionVersionArn"),
        Kind("Recommender", "recommender", _GROUP),
        Kind("Filter", "filter", _GROUP),
        Kind("EventTracker", "event-tracker", _GROUP),
    )
}


@functools.cache
def _service() -> ServiceModel:
    return Session().get_service_model("personalize")


def operation(name: str) -> tuple[str, Kind, OperationModel]:
    """Find an operation: what it does, to which kind of resource, and its model.

    Raises:
        RefusedError: Personalize does not have it, or the embedded AWS does not.
    """
    named = _OPERATION.fullmatch(name)
    if named and name in _service().operation_names:
        nouns = (named[2], named[2].removesuffix("s"))
        if kind := next((KINDS[noun] for noun in nouns if noun in KINDS), None):
            return named[1], kind, _service().operation_model(name)
    raise RefusedError("UnknownOperationException", f"The embedded AWS does not have {name}")


def request(model: OperationModel, body: bytes) -> Record:
    """Read a request.

    Raises:
        RefusedError: it is not what the model says: a type, a length, a pattern, an enumeration.
    """
    try:
        given = json.loads(body or b"{}")
    except ValueError as error:
        raise RefusedError("SerializationException", str(error)) from error
    shape = _members(model.input_shape)
    report = ParamValidator().validate(given, shape)
    found = [report.generate_report()] if report.has_errors() else []
    found = found or list(_violations(shape, given, ""))
    if found:
        plural = "s" if len(found) > 1 else ""
        raise RefusedError(
            "ValidationException",
            f"{len(found)} validation error{plural} detected: {'; '.join(found)}",
        )
    return dict(given)


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """What `ParamValidator` leaves to the service: lengths, patterns, enumerations."""
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            yield from _violations(shape.members[name], member, f"{path}.{name}".strip("."))
        return
    if isinstance(shape, ListShape):
        for number, member in enumerate(value, 1):
            yield from _violations(shape.member, member, f"{path}.{number}.member")
    limits, sized = shape.metadata, isinstance(value, str | list)
    wanted = []
    if "max" in limits and (len(value) if sized else value) > limits["max"]:
        what = "have length" if sized else "have value"
        wanted.append(f"Member must {what} less than or equal to {limits['max']}")
    if "pattern" in limits and not re.fullmatch(_pattern(limits["pattern"]), value):
        wanted.append(f"Member must satisfy regular expression pattern: {limits['pattern']}")
    if "enum" in limits and value not in limits["enum"]:
        wanted.append(f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]")
    for constraint in wanted:
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _pattern(pattern: str) -> str:
    for java, python in _IN_PYTHON:
        pattern = pattern.replace(java, python)
    return pattern


def _members(shape: Shape | None) -> StructureShape:
    assert isinstance(shape, StructureShape)  # noqa: S101 - so in Personalize's model
    return shape


def shown(shape: Shape | None, record: Mapping[str, Any]) -> Record:
    """What an answer shows of a record: what its shape has."""
    return {name: record[name] for name in _members(shape).members if name in record}


def described(model: OperationModel, record: Mapping[str, Any]) -> Record:
    """The answer of a Describe operation."""
    ((name, shape),) = _members(model.output_shape).members.items()
    return {name: shown(shape, record)}


def listed(model: OperationModel, records: list[Record], given: Record) -> Record:
    """The answer of a List operation: a page of summaries.

    Raises:
        RefusedError: the token is none of these.
    """
    members = _members(model.output_shape).members
    name, shape = next((n, s) for n, s in members.items() if isinstance(s, ListShape))
    token = given.get("nextToken", "0")
    if not token.isdecimal() or int(token) > len(records):
        raise RefusedError("InvalidNextTokenException", "The token is not valid")
    begin = int(token)
    end = begin + given.get("maxResults", 100)
    page: Record = {name: [shown(shape.member, one) for one in records[begin:end]]}
    return page | ({"nextToken": str(end)} if end < len(records) else {})


def resource(name: str, given: Mapping[str, Any]) -> str:
    """What IAM evaluates a call on, without the ARN's beginning; `*` for lists.

    A Create operation is evaluated on what it makes. Source: Service Authorization Reference,
    "Actions, resources, and condition keys for Amazon Personalize".
    """
    try:
        action, kind, _ = operation(name)
    except RefusedError:
        return "*"
    if action == "Create":
        return new_name(kind, given)
    arn = str(given.get(kind.arn_field, "")) if action != "List" else ""
    return arn.split(":", 5)[5] if arn.count(":") >= 5 else "*"  # noqa: PLR2004 - parts of an ARN


def new_name(kind: Kind, given: Mapping[str, Any]) -> str:
    """The end of the ARN of what a Create operation makes."""
    if kind.noun == "Dataset":
        group = str(given.get(_GROUP, "")).rpartition("/")[2]
        return f"dataset/{group}/{str(given.get('datasetType', '')).upper()}"
    if kind.noun == "SolutionVersion":
        return str(given.get("solutionArn", "")).rpartition(":")[2]
    return f"{kind.path}/{given.get('jobName', given.get('name', ''))}"
