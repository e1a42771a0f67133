"""Checks of this machine and of the account: what the commands need, before they need it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from workshop.account import EMBEDDED_FOLDER, Account, is_open
from workshop.checks import Check
from workshop.deployment import BOOTSTRAP_STACK, CDK, PROJECT
from workshop.environment import COMPLETE, describe
from workshop.errors import WorkshopError

MINIMUM_FREE_GB = 3  # .venv, node_modules and a run of the job
_SETUP = "Install what the project needs, in this folder: make setup"


def check_machine(port: int) -> Iterator[Check]:
    """Check what a run on the embedded AWS needs.

    Args:
        port: where the embedded AWS would run.
    """
    yield Check("Python", passed=True, found=sys.version.split()[0])
    yield _attempt("Java", _java)
    for program in ("node", "npm"):
        yield _attempt(program, partial(_version_of, program))
    yield _attempt("CDK CLI", _cdk)
    yield _attempt("packages", _packages)
    free = shutil.disk_usage(PROJECT).free / 1e9
    yield Check(
        "disk",
        free >= MINIMUM_FREE_GB,
        f"{free:.1f} GB free in {PROJECT}",
        f"Free {MINIMUM_FREE_GB} GB",
    )
    yield _attempt("port", partial(_port, port))
    yield Check("proxy", passed=True, found=_proxy())


def check_account(connect: Callable[[], Account]) -> Iterator[Check]:
    """Check what a deployment needs: credentials, a region, and the bootstrap of the CDK.

    Args:
        connect: makes the account, or raises a WorkshopError.
    """
    try:
        account = connect()
        account.check_reachable()
    except WorkshopError as error:
        yield Check("account", passed=False, found=error.message, advice=error.next_step)
        return
    yield Check("account", passed=True, found=str(account))
    command = "workshop up does it" if account.embedded else "npx cdk bootstrap"
    try:
        stack = describe(account, BOOTSTRAP_STACK)
        found = f"{BOOTSTRAP_STACK} is {stack['StackStatus'] if stack else 'not deployed'}"
        usable = bool(stack and stack["StackStatus"] in COMPLETE)
    except (BotoCoreError, ClientError) as error:
        found, usable = str(error), False
    yield Check("bootstrap", usable or account.embedded, found, f"Bootstrap the account: {command}")


def has_aws_settings() -> bool:
    """Whether this terminal, or the files in ~/.aws, have credentials or a region of AWS."""
    try:
        session = boto3.Session()
        return bool(session.get_credentials() or session.region_name)
    except BotoCoreError:  # a profile that does not exist, or a file that cannot be read
        return True


def _attempt(rule: str, find: Callable[[], str]) -> Check:
    try:
        return Check(rule, passed=True, found=find())
    except WorkshopError as error:
        return Check(rule, passed=False, found=error.message, advice=error.next_step)
    except ModuleNotFoundError as error:  # a package that is not there is one, too
        return Check(rule, passed=False, found=f"{error.name} is not installed.", advice=_SETUP)


def _java() -> str:
    from embedded_aws.spark import check_java  # noqa: PLC0415 - development requirements

    return check_java().partition("\n")[0]


def _version_of(program: str) -> str:
    # The virtual environment's programs come first, as in every command.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])  # noqa: PTH120
    found = shutil.which(program, path=path)
    if not found:
        raise WorkshopError(f"{program} is not on the PATH.", _SETUP)
    answer = subprocess.run(
        [found, "--version"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    return next(iter((answer.stdout or answer.stderr).splitlines()), f"{found} says nothing")


def _cdk() -> str:
    manifest = CDK.parent.parent / "aws-cdk" / "package.json"
    if not CDK.exists():
        raise WorkshopError(f"The CDK CLI is not installed at {CDK}.", _SETUP)
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])


def _packages() -> str:
    names = ("boto3", "aws-cdk-lib", "ministack", "pyspark")
    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


def _port(port: int) -> str:
    from embedded_aws.server import EmbeddedAws  # noqa: PLC0415 - development requirements

    if EmbeddedAws(EMBEDDED_FOLDER, port).running():
        return f"{port}: the embedded AWS of this folder runs there"
    if is_open(port):
        raise WorkshopError(
            f"{port} is in use by another program",
            f"Choose another port: workshop up --local {port + 1}",
        )
    return f"{port} is free"


def _proxy() -> str:
    """The proxies of this terminal, by their hosts alone: a URL may have a password."""
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    hosts = {name: urlsplit(os.environ[name]).hostname for name in names if os.environ.get(name)}
    return ", ".join(f"{name} is {host}" for name, host in hosts.items()) or "none"
