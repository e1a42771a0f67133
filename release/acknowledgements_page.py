"""Writes docs/acknowledgements.md: what the security rules find and why it stays, from the app.

Run: python -m release.acknowledgements_page docs/acknowledgements.md
"""

import sys
from pathlib import Path

from aws_cdk import App

from stacks.acknowledgements import acknowledged
from stacks.config import WorkshopConfig
from stacks.workshop_stack import WorkshopStack

_INTRODUCTION = """\
# What the security rules find, and why it stays

Every synthesis holds the stack against cdk-nag's packs AWS Solutions, NIST 800-53 R5, HIPAA, PCI
DSS 3.2.1 and Serverless, and fails on a finding that is not in this list; the tests hold the
templates against Checkov's rules in the same way, and fail on an entry that no rule finds any more.
An entry is one finding on one resource, with every rule that reports it. `make acknowledgements`
writes this page from the app.
"""


def page() -> str:
    """The page, from the event target: `cdk deploy` has the same findings, or fewer patterns."""
    app = App()
    WorkshopStack(app, "Page", config=WorkshopConfig(target="event"))
    entries = acknowledged(app)
    lines = [_INTRODUCTION, f"{len(entries)} findings:", ""]
    lines += ["| resource | finding | why it stays | rules |", "| --- | --- | --- | --- |"]
    for entry in entries:
        rules = ", ".join(f"`{rule}`" for rule in entry.rules)
        lines.append(f"| `{entry.resource}` | {entry.finding} | {entry.reason} | {rules} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
