"""The synthesized template, as CloudFormation would get it."""

import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from aws_cdk import App
from aws_cdk.assertions import Template

from release.event_template import compact
from stacks.config import WorkshopConfig
from stacks.workshop_stack import WorkshopStack
from tests.support import PROJECT

REGIONS = boto3.Session().get_available_regions("personalize")  # where an environment can be


def synthesize(config: WorkshopConfig | None = None) -> Template:
    """Synthesize the stack with this configuration."""
    config = config or WorkshopConfig()
    return Template.from_stack(WorkshopStack(App(), config.stack_name, config=config))


def synthesize_for_events(target: str = "event") -> dict[str, Any]:
    """Synthesize as `make event-template` does: with cdk.json's flags, and the event target."""
    return dict(json.loads(_synthesized(target)))


@functools.cache
def _synthesized(target: str) -> str:
    """The template's text: each caller gets a template of its own."""
    settings = json.loads((PROJECT / "cdk.json").read_text(encoding="utf-8"))
    app = App(context={**settings["context"], "target": target})
    config = WorkshopConfig.from_context(app.node)
    template = Template.from_stack(WorkshopStack(app, config.stack_name, config=config))
    return json.dumps(template.to_json())


def event_template() -> dict[str, Any]:
    """The template that is handed out for events."""
    return compact(synthesize_for_events())


def resolved(value: Any, named: Callable[[str], Any], conditions: Mapping[str, bool]) -> Any:  # noqa: C901, PLR0911 - a template's value is anything
    """A template's value without CloudFormation's functions.

    Args:
        value: any part of a template, or the whole.
        named: what a Ref stands for by its name, and an attribute by `Name.Attribute`.
        conditions: whether each of them holds. If one is missing, both values stay, as JSON.
    """

    def of(value: Any) -> Any:
        return resolved(value, named, conditions)

    match value:
        case {"Ref": name}:
            return named(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return named(f"{name}.{attribute}")
        case {"Fn::Sub": [text, meanings]}:
            names = of(meanings)
            return _substituted(text, lambda name: names[name] if name in names else named(name))
        case {"Fn::Sub": text}:
            return of({"Fn::Sub": [text, {}]})
        case {"Fn::Join": [separator, parts]}:
            return separator.join(of(parts))
        case {"Fn::Split": [separator, text]}:
            return of(text).split(separator)
        case {"Fn::Select": [number, parts]}:
            return of(parts)[int(number)]
        case {"Fn::If": [condition, one, other]} if condition in conditions:
            return of(one if conditions[condition] else other)
        case {"Fn::If": both}:
            return json.dumps(of(both))
        case dict():
            return {key: of(item) for key, item in value.items()}
        case list():
            return [of(item) for item in value]
    return value


def _substituted(text: str, named: Callable[[str], Any]) -> str:
    """Fn::Sub's text with what its names stand for; `${!Name}` is how it writes `${Name}`."""

    def stands_for(found: re.Match[str]) -> str:
        name = found[1]
        return f"${{{name[1:]}}}" if name.startswith("!") else str(named(name))

    return re.sub(r"\$\{([^}]+)\}", stands_for, text)


def text(value: object) -> str:
    """A name made of CloudFormation's functions, as one text: references in angle brackets."""
    return str(resolved(value, "<{}>".format, {}))
