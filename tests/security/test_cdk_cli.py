"""The CDK CLI: whom it talks to, and what it leaves in the user's home."""

import fcntl
import json
import os
import subprocess
import time
from pathlib import Path

import boto3
import pytest

from tests.support import PROJECT
from tests.support.loopback import Listener
from workshop import deployment
from workshop.account import Account
from workshop.errors import WorkshopError

pytestmark = pytest.mark.slow

AWS = Account(boto3.Session(region_name="us-east-1"), None)
AWS.session.get_credentials = lambda: None  # type: ignore[method-assign]
SIGNED_IN = Account(boto3.Session("key", "secret", "token", region_name="eu-west-1"), None)
EMBEDDED = Account(boto3.Session(region_name="us-east-1"), "http://127.0.0.1:4566")
# What the library that app.py uses keeps, wherever the CLI has its own: itself, unpacked, and
# hashes of the files that it packs.
LIBRARY = {".cache/aws/jsii", ".cdk/cache/fingerprints"}


@pytest.fixture
def home(tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home; the CLI asks the system for the user's, so CDK_HOME stands for that."""
    home = tmp_path / "home"
    home.mkdir()
    cache = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
    if cache.is_dir():  # saves unpacking the library
        monkeypatch.setenv("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(cache))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CDK_HOME", str(home / ".cdk"))
    for name in ("CDK_DISABLE_CLI_TELEMETRY", "CDK_DISABLE_VERSION_CHECK", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, listener.url)
    return home


def run_cdk(account: Account, folder: Path, app: str) -> None:
    """Run the CLI as the commands do."""
    deployment._cdk(account, ["synth", "--app", app], lambda _line: None, folder=folder)  # noqa: SLF001


def left_in(home: Path) -> list[str]:
    """The files below a home that are not the library's."""
    names = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
    return [name for name in names if not name.startswith(tuple(LIBRARY))]


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    """What an app would have synthesized: one stack. Making the real one takes a minute."""
    folder = tmp_path / "assembly"
    folder.mkdir()
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "One.template.json"},
    }
    manifest = {"version": "48.0.0", "artifacts": {"One": stack}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "One.template.json").write_text('{"Resources": {}}')
    return folder


def synth(folder: Path, *options: str | Path) -> None:
    """Run the CLI as the pages do: no Makefile and no Python has set anything for it."""
    command = [deployment.CDK, "synth", "--quiet", "--no-notices", *options]
    subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=True)
    time.sleep(2)  # it would report from a process of its own


@pytest.mark.parametrize("guarded", [False, True])
def test_the_project_file_keeps_the_cli_from_reporting(
    tmp_path: Path, home: Path, listener: Listener, assembly: Path, *, guarded: bool
) -> None:
    """`npx cdk deploy` would tell somebody else about this machine."""
    settings = json.loads((PROJECT / "cdk.json").read_text(encoding="utf-8"))
    if not guarded:
        del settings["context"]["cli-telemetry"]  # that is when something is heard
    (tmp_path / "cdk.json").write_text(json.dumps(settings))
    synth(tmp_path, "--app", assembly)
    assert bool(listener.heard) != guarded
    assert bool(left_in(home)) != guarded


def test_a_synthesis_reports_nothing(tmp_path: Path, home: Path, listener: Listener) -> None:
    """The app has no reason to talk to anybody, either."""
    synth(PROJECT, "--output", tmp_path / "out")
    assert listener.heard == []
    assert left_in(home) == []


def test_a_rehearsal_reports_nothing(
    tmp_path: Path,
    home: Path,
    listener: Listener,
    assembly: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bootstrapping is done away from the project's file, so `up` must see to it itself."""
    monkeypatch.setattr(deployment, "BUILD", tmp_path)
    kept = Path(deployment.QUIET["CDK_HOME"])
    assert kept.is_relative_to(PROJECT / "build")
    run_cdk(AWS, tmp_path, str(assembly))
    time.sleep(2)
    assert listener.heard == []
    assert left_in(home) == []


@pytest.mark.parametrize(
    ("account", "handed_on"),
    [
        (AWS, {"GITHUB_TOKEN", "AWS_PROFILE", "SSH_AUTH_SOCK"}),  # signing in may need any of them
        (SIGNED_IN, {"GITHUB_TOKEN", "SSH_AUTH_SOCK"}),
        (EMBEDDED, {"AWS_PROFILE"}),
    ],
)
def test_what_the_cli_loads_gets_no_secret_that_it_does_not_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: Account, handed_on: set[str]
) -> None:
    """A hundred packages run in it."""
    secrets = {"GITHUB_TOKEN", "AWS_PROFILE", "SSH_AUTH_SOCK"}
    for name in (*secrets, "PUBLIC_API_TOKEN", "SEGMENT_WRITE_KEY_WEBSITE_PROD"):
        monkeypatch.setenv(name, "a terminal's")
    monkeypatch.setattr(deployment, "BUILD", tmp_path)
    with pytest.raises(WorkshopError):  # it makes no assembly
        run_cdk(account, tmp_path, f"env > {tmp_path}/environment")
    lines = (tmp_path / "environment").read_text().splitlines()
    assert {line.partition("=")[0] for line in lines if "a terminal's" in line} == handed_on
    keys = {"AWS_ACCESS_KEY_ID=key", "AWS_SESSION_TOKEN=token", "AWS_REGION=eu-west-1"}
    assert keys <= {*lines} or account is not SIGNED_IN


def test_a_second_command_in_the_same_folder_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two `make up` at once would write one cdk.out, and both fail with the CDK's own words."""
    monkeypatch.setattr(deployment, "BUILD", tmp_path)
    first = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    with pytest.raises(WorkshopError, match="Another command"):
        run_cdk(EMBEDDED, tmp_path, "true")
    os.close(first)
    with pytest.raises(WorkshopError, match="cdk"):  # it runs, and makes no assembly
        run_cdk(EMBEDDED, tmp_path, "true")
