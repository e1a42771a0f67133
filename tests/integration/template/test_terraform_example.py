"""docs/segment/main.tf is Terraform's language, and names what the stack and send-events name."""

import json
import re

import hcl2
from aws_cdk.assertions import Template

from stacks.config import WorkshopConfig
from tests.support import PROJECT
from workshop.segment.credentials import variable
from workshop.segment.events import SHOP_SOURCES

PERSONAS = "personas-events-source"


def test_its_names_are_those_of_the_stack_and_the_command(template: Template) -> None:
    """An organizer finds out otherwise with a workspace that is half set up."""
    text = (PROJECT / "docs" / "segment" / "main.tf").read_text(encoding="utf-8")
    content = hcl2.loads(text)
    stack = template.to_json()
    for section, names in (
        ("Outputs", re.findall(r'\.outputs\["(\w+)"\]', text)),
        ("Parameters", re.findall(r'\.parameters\["(\w+)"\]', text)),
    ):
        assert names
        assert set(names) <= stack[section].keys()
    defaults = {key: value for one in content["variable"] for key, value in one.items()}
    assert json.loads(defaults['"stack"']["default"]) == WorkshopConfig().stack_name
    slugs = [json.loads(slug) for one in content["locals"] for slug in one["sources"]]
    assert sorted(slugs) == sorted([*SHOP_SOURCES, PERSONAS])
    (prefix,) = re.findall(r'"(\w+_)\$\{upper\(replace\(slug, "-", "_"\)\)\}=', text)
    assert variable(slugs[0]).startswith(prefix)
