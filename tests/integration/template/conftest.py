"""The synthesized template, as CloudFormation would get it."""

from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.support.templates import synthesize


@pytest.fixture(scope="session")
def template() -> Template:
    """The template with the default configuration."""
    return synthesize()


@pytest.fixture(scope="session")
def resources(template: Template) -> dict[str, dict[str, Any]]:
    """The template's resources by logical id."""
    found: dict[str, dict[str, Any]] = template.to_json()["Resources"]
    return found
