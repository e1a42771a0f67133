"""The CDK CLI: whom it talks to, and what it leaves in the user's home."""

import fcntl
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


def test_a_synthesis_reports_nothing(tmp_path: Path, home: Path, listener: Listener) -> None:
    """`npx cdk deploy` would tell somebody else about this machine: cdk.json keeps it from that."""
    subprocess.run(
        [deployment.CDK, "synth", "--quiet", "--no-notices", "--output", tmp_path / "out"],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    time.sleep(2)  # it would report from a process of its own
    assert listener.heard == []
    names = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
    assert [name for name in names if not name.startswith(tuple(LIBRARY))] == []


def test_the_cli_is_told_to_report_nothing() -> None:
    """Bootstrapping is done away from the project's file, so `up` must see to it itself."""
    quiet = deployment.QUIET
    assert quiet["CDK_DISABLE_CLI_TELEMETRY"] == quiet["CDK_DISABLE_VERSION_CHECK"] == "true"
    assert Path(quiet["CDK_HOME"]).is_relative_to(PROJECT / "build")


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
    assert {f"{name}={value}" for name, value in deployment.QUIET.items()} <= {*lines}
    keys = {"AWS_ACCESS_KEY_ID=key", "AWS_SESSION_TOKEN=token", "AWS_REGION=eu-west-1"}
    assert keys <= {*lines} or account is not SIGNED_IN


def test_a_second_command_in_the_same_folder_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two `make up` at once would write one cdk.out, and both fail with the CDK's own words."""
    monkeypatch.setattr(deployment, "BUILD", tmp_path)
    first = os.open(tmp_path / "cdk.log", os.O_CREAT | os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    with pytest.raises(WorkshopError, match="Another command"):
        run_cdk(EMBEDDED, tmp_path, "true")
    os.close(first)
    with pytest.raises(WorkshopError, match="cdk"):  # it runs, and makes no assembly
        run_cdk(EMBEDDED, tmp_path, "true")
