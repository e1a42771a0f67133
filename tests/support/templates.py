"""The synthesized template, as CloudFormation would get it."""

import functools
import json
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


def text(value: object) -> str:
    """A name made of CloudFormation's functions, as one text: the functions as JSON."""
    if isinstance(value, dict) and "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(text(part) for part in parts)
    return value if isinstance(value, str) else json.dumps(value)
