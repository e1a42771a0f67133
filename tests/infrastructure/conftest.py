"""The synthesized template, as CloudFormation would get it."""

from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from stacks.config import WorkshopConfig
from stacks.workshop_stack import WorkshopStack


def synthesize(config: WorkshopConfig | None = None) -> Template:
    """Synthesize the stack with this configuration."""
    config = config or WorkshopConfig()
    return Template.from_stack(WorkshopStack(App(), config.stack_name, config=config))


@pytest.fixture(scope="session")
def template() -> Template:
    """The template with the default configuration."""
    return synthesize()


@pytest.fixture(scope="session")
def resources(template: Template) -> dict[str, dict[str, Any]]:
    """The template's resources by logical id."""
    found: dict[str, dict[str, Any]] = template.to_json()["Resources"]
    return found
