"""Reads the schema of a dataset: Avro, with what Personalize requires of interactions.

Source: Amazon Personalize Developer Guide, "Item interaction dataset requirements".
"""

import json
from collections.abc import Mapping

from embedded_aws.personalize.model import invalid

Fields = Mapping[str, tuple[str, ...]]
"""The types of each column; `null` among them where it may be empty."""

NAME = "Interactions"  # the one kind of dataset that is imported here
_NAMESPACE, _VERSION = "com.amazonaws.personalize.schema", "1.0"
REQUIRED = {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"}
# Columns whose name has a meaning.
_RESERVED = {
    "EVENT_TYPE": "string",
    "EVENT_VALUE": "float",
    "IMPRESSION": "string",
    "RECOMMENDATION_ID": "string",
}
_TYPES = {"boolean", "double", "float", "int", "long", "string", "null"}


def parse(text: str) -> Fields:
    """Read a schema.

    Raises:
        RefusedError: it is not one that Personalize takes, or not of interactions.
    """
    try:
        found = json.loads(text)
        fields = {str(one["name"]): _types(one["type"]) for one in found["fields"]}
        name, *heading = (found[key] for key in ("name", "type", "namespace", "version"))
    except (ValueError, TypeError, KeyError) as error:
        raise invalid(f"The schema is not valid Avro: {error!r}") from error
    if heading != ["record", _NAMESPACE, _VERSION]:
        raise invalid(f"A schema is a record of {_NAMESPACE}, version {_VERSION}")
    if name != NAME:
        raise invalid(f"The embedded Personalize takes schemas of {NAME} only, not of {name}")
    if len(fields) != len(found["fields"]):
        raise invalid("Two fields have the same name")
    _check(fields)
    return fields


def _check(fields: Fields) -> None:
    """Hold the fields against what interactions must have.

    Raises:
        RefusedError: one is missing, or has another type.
    """
    if missing := [name for name in REQUIRED if name not in fields]:
        raise invalid(f"The required fields {missing} are missing from the schema")
    for name, types in fields.items():
        wanted = (REQUIRED | _RESERVED).get(name)
        given = tuple(one for one in types if one != "null")
        if name in REQUIRED and given != types:
            raise invalid(f"The required field {name} cannot be null")
        if not set(types) <= _TYPES or (wanted and given != (wanted,)):
            raise invalid(f"The field {name} cannot be of type {', '.join(types)}")


def _types(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
