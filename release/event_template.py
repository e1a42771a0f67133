"""The event target's template as one file: what the CDK synthesized, with nothing superfluous.

Run: python -m release.event_template SYNTHESIZED.json WRITTEN.json
"""

import json
import sys
from pathlib import Path
from typing import Any

from workshop.cloudformation import BODY_LIMIT_BYTES

# 1,500 bytes stay free for a correction in the middle of an event.
LIMIT_BYTES = BODY_LIMIT_BYTES - 1_500
# What CloudFormation takes where nothing is said, and the CDK says. Source: the resource types'
# pages in the AWS CloudFormation Template Reference.
DEFAULTS: dict[str, dict[str, Any]] = {
    "AWS::Glue::Job": {
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "JobRunQueuingEnabled": False,
        "MaxRetries": 0,
    },
    "AWS::IAM::ManagedPolicy": {"Description": "", "Path": "/"},
}


def compact(template: dict[str, Any]) -> dict[str, Any]:
    """The same template, shorter: without metadata and defaults, Fn::Sub for Fn::Join.

    Args:
        template: as the CDK synthesized it; it stays as it is.
    """
    resources = {
        name: {
            key: value
            for key, value in resource.items()
            if key != "Metadata" and not (key.endswith("Policy") and value == "Delete")
        }
        for name, resource in template["Resources"].items()
    }
    shorter: dict[str, Any] = _substituted({**template, "Resources": resources})
    for resource in shorter["Resources"].values():
        for name, default in DEFAULTS.get(resource["Type"], {}).items():
            if resource["Properties"].get(name) == default:
                del resource["Properties"][name]
        resource["Properties"].get("DefaultArguments", {}).pop("--job-language", None)
    return shorter


def _substituted(value: Any) -> Any:  # noqa: ANN401 - a template's value is anything
    """Every Fn::Join of texts, Refs and GetAtts as the Fn::Sub that says the same.

    An Fn::Sub's map need not say of names that they are Refs of the same name.
    """
    if isinstance(value, list):
        return [_substituted(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::Join"} and value["Fn::Join"][0] == "":
        parts = [_as_text(part) for part in value["Fn::Join"][1]]
        if None not in parts:
            return {"Fn::Sub": "".join(filter(None, parts))}
    if value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], list):
        text, names = value["Fn::Sub"]
        names = {name: what for name, what in names.items() if what != {"Ref": name}}
        return {"Fn::Sub": [text, names] if names else text}
    return {key: _substituted(item) for key, item in value.items()}


def _as_text(part: str | dict[str, Any]) -> str | None:
    """A part of an Fn::Join in Fn::Sub's syntax; None if it cannot express it."""
    match part:
        case str():
            return part.replace("${", "${!")
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
    return None


def body(template: dict[str, Any]) -> bytes:
    """The template as the file that is handed out."""
    return json.dumps(template, ensure_ascii=False, separators=(",", ":")).encode()


def budget(template: dict[str, Any]) -> list[tuple[str, int]]:
    """What takes how many bytes of the file, most first; the rest is punctuation."""
    sizes: dict[str, int] = {}
    for section, content in template.items():
        if section != "Resources":
            sizes[section] = len(body(content))
    for resource in template["Resources"].values():
        kind = resource["Type"]
        sizes[kind] = sizes.get(kind, 0) + len(body(resource))
    return sorted(sizes.items(), key=lambda entry: -entry[1])


def main(synthesized: Path, written: Path) -> None:
    """Write the file, and say where its bytes go.

    Raises:
        SystemExit: it is larger than CloudFormation takes.
    """
    template = compact(json.loads(synthesized.read_text(encoding="utf-8")))
    content = body(template)
    lines = [*budget(template), (str(written), len(content)), ("of at most", LIMIT_BYTES)]
    print("\n".join(f"{size:>7,}  {name}" for name, size in lines))  # noqa: T201 - its output
    if len(content) > LIMIT_BYTES:
        sys.exit(f"Error: {written} would be {len(content) - LIMIT_BYTES:,} bytes too large")
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_bytes(content)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
