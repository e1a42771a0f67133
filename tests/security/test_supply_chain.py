"""What the project is made of: pinned, with hashes, audited honestly, and listed."""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.support import PROJECT

NPM_PROJECTS = (".", "docs/diagrams")
MARK = "require('fs').writeFileSync('mark', '')"
RUN = f'node -e "{MARK}"'
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


def archive(package: dict[str, Any]) -> bytes:
    """A package as a registry has it: its package.json, and a program that leaves a mark."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in (
            ("package.json", json.dumps(package)),
            ("program.js", f"#!/usr/bin/env node\n{MARK}"),
        ):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def integrity(packed: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode()


def npm(folder: Path, program: str, *arguments: str, **settings: str) -> int:
    """Run npm or npx with nobody's settings; return the exit code."""
    env = {k: v for k, v in os.environ.items() if not k.lower().startswith("npm_config_")}
    env |= {"npm_config_cache": str(folder / "cache"), "npm_config_userconfig": os.devnull}
    return subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=folder,
        env=env | settings,
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode


@pytest.mark.parametrize(
    ("guard", "arguments", "runs"),
    [
        (None, (), True),  # the attack works where nothing keeps it off
        (".npmrc", (), False),
        ("docs/diagrams/.npmrc", (), False),
        (None, ("--ignore-scripts",), False),
    ],
)
def test_a_planted_install_script_does_not_run(
    tmp_path: Path, guard: str | None, arguments: tuple[str, ...], *, runs: bool
) -> None:
    """A hijacked package would run as the user of `npm ci`."""
    planted = {"name": "planted", "version": "1.0.0", "scripts": {"postinstall": RUN}}
    packed = archive(planted)
    (tmp_path / "planted.tgz").write_bytes(packed)
    own: dict[str, Any] = {"dependencies": {"planted": "file:planted.tgz"}}
    entry = {"version": "1.0.0", "resolved": "file:planted.tgz", "integrity": integrity(packed)}
    packages = {"": own, "node_modules/planted": entry | {"hasInstallScript": True}}
    lock = {"lockfileVersion": 3, "requires": True, "packages": packages}
    (tmp_path / "package.json").write_text(json.dumps(own))
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    if guard:
        shutil.copy(PROJECT / guard, tmp_path / ".npmrc")
    assert npm(tmp_path, "npm", "ci", "--offline", *arguments) == 0
    assert (tmp_path / "node_modules" / "planted" / "package.json").is_file()
    assert bool(list(tmp_path.rglob("mark"))) == runs


@pytest.mark.parametrize("guarded", [False, True])
def test_npx_runs_nothing_that_is_not_installed(
    tmp_path: Path, httpserver: HTTPServer, *, guarded: bool
) -> None:
    """`npx cdk` before `make setup` would run whatever has that name today."""
    planted: dict[str, Any] = {"name": "cdk", "version": "1.0.0", "bin": {"cdk": "program.js"}}
    packed = archive(planted)
    dist = {"tarball": httpserver.url_for("/cdk.tgz"), "integrity": integrity(packed)}
    versions = {"1.0.0": planted | {"dist": dist}}
    about = {"name": "cdk", "dist-tags": {"latest": "1.0.0"}, "versions": versions}
    httpserver.expect_request("/cdk").respond_with_json(about)
    httpserver.expect_request("/cdk.tgz").respond_with_data(packed)
    if guarded:
        shutil.copy(PROJECT / ".npmrc", tmp_path)
    (tmp_path / "package.json").write_text("{}")
    code = npm(tmp_path, "npx", "cdk", npm_config_registry=httpserver.url_for("/"))
    assert bool(code) == guarded
    assert (tmp_path / "mark").exists() != guarded


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
