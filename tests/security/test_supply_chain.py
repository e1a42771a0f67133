"""What the project is made of: pinned, with hashes, audited honestly, and listed."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.infrastructure.conftest import PROJECT

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-checkov.txt")
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--old-file=setup", *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_pinned_with_its_hash(lock: str) -> None:
    """Else tomorrow's installation has what nobody has seen."""
    text = (PROJECT / lock).read_text(encoding="utf-8")
    packages = re.split(r"\n(?=\S)", text.strip())
    assert len(packages) > 10
    assert [p for p in packages if not PINNED.match(p) or "--hash=sha256:" not in p] == []


def test_every_npm_package_is_pinned_with_its_hash() -> None:
    """The same for Node."""
    direct = json.loads((PROJECT / "package.json").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+(-\w+)?", v) for v in direct["devDependencies"].values())
    locked = json.loads((PROJECT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert all("integrity" in package for name, package in locked.items() if name)


def test_the_audit_fails_when_nobody_can_be_asked() -> None:
    """Else a machine without a connection reports that nothing is vulnerable."""
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    audited = make("audit", **nowhere)
    assert audited.returncode
    assert "could not be asked" in audited.stdout


def test_the_bill_names_every_package(tmp_path: Path) -> None:
    """Else who asks whether a release has a vulnerable package gets a wrong answer."""
    made = make("sbom", f"SBOM={tmp_path}")
    assert made.returncode == 0, made.stderr
    bill = json.loads((tmp_path / "sbom-python.json").read_text(encoding="utf-8"))
    text = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    locked = {(name.lower(), version) for name, version in PINNED.findall(text)}
    assert {(c["name"].lower(), c["version"]) for c in bill["components"]} == locked
    node = json.loads((tmp_path / "sbom-node.json").read_text(encoding="utf-8"))
    assert {component["name"] for component in node["components"]} >= {"aws-cdk"}
