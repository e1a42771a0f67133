"""What the project is made of: pinned, with hashes, audited honestly, and listed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import PROJECT

NPM_PROJECTS = (".", "docs/diagrams")
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *(f"--old-file={name}" for name in ("setup", "setup-test")), *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("folder", NPM_PROJECTS)
def test_every_npm_package_is_pinned_with_its_hash(folder: str) -> None:
    """The same for Node."""
    direct = json.loads((PROJECT / folder / "package.json").read_text(encoding="utf-8"))
    versions = direct.get("devDependencies", {}) | direct.get("dependencies", {})
    assert versions
    assert all(re.fullmatch(r"\d+\.\d+\.\d+(-\w+)?", v) for v in versions.values())
    assert all("integrity" in package for package in npm_packages(folder).values())


@pytest.mark.parametrize("folder", NPM_PROJECTS)
def test_no_npm_package_wants_to_run_a_script(folder: str) -> None:
    """It would not run, and what it was to prepare would be missing."""
    packages = npm_packages(folder)
    assert [name for name, package in packages.items() if package.get("hasInstallScript")] == []
    own = json.loads((PROJECT / folder / "package.json").read_text(encoding="utf-8"))
    assert "scripts" not in own


def npm_packages(folder: str) -> dict[str, dict[str, Any]]:
    """The locked packages, without the project itself."""
    locked = json.loads((PROJECT / folder / "package-lock.json").read_text(encoding="utf-8"))
    return {name: package for name, package in locked["packages"].items() if name}


@pytest.mark.parametrize("folder", NPM_PROJECTS)
def test_npm_runs_no_script_and_npx_fetches_nothing(folder: str) -> None:
    """A hijacked package would run as the user of `npm ci`, or of `npx cdk` before `make setup`.

    Source: docs.npmjs.com/cli/using-npm/config.
    """
    settings = (PROJECT / folder / ".npmrc").read_text(encoding="utf-8").splitlines()
    assert {"ignore-scripts=true", "yes=false"} <= {*settings}


def test_npx_finds_the_cdk_cli_that_is_locked() -> None:
    """The pages say `npx cdk`."""
    shown = subprocess.run(
        [Path(sys.executable).parent / "npx", "--offline", "cdk", "--version"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split()[0] == npm_packages(".")["node_modules/aws-cdk"]["version"]


@pytest.mark.slow
def test_the_audit_fails_when_nobody_can_be_asked() -> None:
    """A machine without a connection would report that nothing is vulnerable."""
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    audited = make("audit", **nowhere)
    assert audited.returncode
    assert "could not be asked" in audited.stdout


@pytest.mark.slow
def test_the_bill_names_every_package(tmp_path: Path) -> None:
    """Whoever asks whether a release has a vulnerable package needs a right answer."""
    made = make("sbom", f"SBOM={tmp_path}")
    assert made.returncode == 0, made.stderr
    bill = json.loads((tmp_path / "sbom-python.json").read_text(encoding="utf-8"))
    text = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    locked = {(name.lower(), version) for name, version in PINNED.findall(text)}
    assert {(c["name"].lower(), c["version"]) for c in bill["components"]} == locked
    node = json.loads((tmp_path / "sbom-node.json").read_text(encoding="utf-8"))
    assert {component["name"] for component in node["components"]} >= {"aws-cdk"}
