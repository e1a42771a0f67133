"""Each claim of docs/security.md leads to a test that is there."""

import ast
import re

from tests.support import PROJECT

PAGE = PROJECT / "docs" / "security.md"


def test_every_claim_leads_to_its_test() -> None:
    """A claim must not outlive what showed it."""
    text = PAGE.read_text(encoding="utf-8")
    links = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", text)
    assert len(links) > 20
    for name, path in links:
        tree = ast.parse((PAGE.parent / path).resolve().read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{path} has no {name}"


def test_every_threat_has_something_against_it() -> None:
    """Without tests the table would be a list of fears."""
    rows = [row for row in PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    threats = [row for row in rows if not row.startswith(("| ---", "| threat"))]
    assert len(threats) >= 15
    for row in threats:
        threat, done, shown = (cell.strip() for cell in row.strip("|").split(" | "))
        assert threat and done  # noqa: PT018 - one thought
        assert "(../tests/" in shown, threat
