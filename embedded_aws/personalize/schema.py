"""Reads the schema of a dataset: Avro, with what Personalize requires in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from embedded_aws.personalize.model import invalid

_NAMESPACE, _VERSION = "com.amazonaws.personalize.schema", "1.0"
# What each kind of dataset must have, and of which type. Source: Amazon Personalize Developer
# Guide, "Custom dataset and schema requirements".
_REQUIRED: dict[str, dict[str, str]] = {
    "Interactions": {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"},
    "Items": {"ITEM_ID": "string"},
    "Users": {"USER_ID": "string"},
    "Actions": {"ACTION_ID": "string"},
    "Action_Interactions": {
        "USER_ID": "string",
        "ACTION_ID": "string",
        "EVENT_TYPE": "string",
        "TIMESTAMP": "long",
    },
}
# Columns whose name has a meaning. Source: the same guide, "Item interaction dataset requirements".
_RESERVED: Mapping[str, tuple[str, ...]] = {
    "EVENT_TYPE": ("string",),
    "EVENT_VALUE": ("float",),
    "IMPRESSION": ("string",),
    "RECOMMENDATION_ID": ("string",),
}
_TYPES = {"boolean", "double", "float", "int", "long", "string", "null"}


@dataclass(frozen=True)
class Schema:
    """A schema.

    Attributes:
        name: the kind of dataset that it is for, such as `Interactions`.
        fields: the types of each column; `null` among them where it may be empty.
    """

    name: str
    fields: dict[str, tuple[str, ...]]

    @property
    def required(self) -> Mapping[str, str]:
        """The columns that the kind of dataset must have."""
        return _REQUIRED[self.name]

    @classmethod
    def parse(cls, text: str) -> "Schema":
        """Read a schema.

        Raises:
            RefusedError: it is not one that Personalize takes.
        """
        try:
            found = json.loads(text)
            fields = {str(one["name"]): _types(one["type"]) for one in found["fields"]}
            heading = found["type"], found["namespace"], found["version"]
            schema = cls(found["name"], fields)
        except (ValueError, TypeError, KeyError) as error:
            raise invalid(f"The schema is not valid Avro: {error!r}") from error
        if heading != ("record", _NAMESPACE, _VERSION):
            raise invalid(f"A schema is a record of {_NAMESPACE}, version {_VERSION}")
        if schema.name not in _REQUIRED:
            raise invalid(f"The name must be one of {', '.join(_REQUIRED)}, not {schema.name}")
        if len(fields) != len(found["fields"]):
            raise invalid("Two fields have the same name")
        schema.check_fields()
        return schema

    def check_fields(self) -> None:
        """Hold the fields against what this kind of dataset must have.

        Raises:
            RefusedError: one is missing, or has another type.
        """
        if missing := [name for name in self.required if name not in self.fields]:
            raise invalid(f"The required fields {missing} are missing from the schema")
        for name, types in self.fields.items():
            wanted = (self.required[name],) if name in self.required else _RESERVED.get(name)
            given = tuple(one for one in types if one != "null")
            if name in self.required and given != types:
                raise invalid(f"The required field {name} cannot be null")
            if not set(types) <= _TYPES or (wanted and given != wanted):
                raise invalid(f"The field {name} cannot be of type {', '.join(types)}")


def _types(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
