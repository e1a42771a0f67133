"""Deploying with the real CDK CLI, on AWS and on the embedded AWS alike."""

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workshop import private
from workshop.account import Account
from workshop.environment import (
    COMPLETE,
    SUFFIX,
    describe,
    failure,
    require_same_suffix,
)
from workshop.errors import WorkshopError
from workshop.processes import inherited_environment

PROJECT = Path(__file__).parent.parent
CDK = PROJECT / "node_modules" / ".bin" / "cdk"
BUILD = PROJECT / "build"
SCRIPT = PROJECT / "glue_scripts" / "segment_events_to_csv.py"
HELPER = PROJECT / "glue_scripts" / "segment_io.py"
BOOTSTRAP_STACK = "CDKToolkit"
# The CLI reports nothing, asks for no newer version, and keeps its cache out of the user's home.
QUIET = {
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "CDK_DISABLE_VERSION_CHECK": "true",
    "CDK_HOME": str(BUILD / "cdk"),
}
# Write keys, and what Segment's Terraform provider reads.
_SEGMENTS = ("SEGMENT_", "PUBLIC_API_")
Progress = Callable[[str], None]


def build_folder() -> Path:
    """Make `build/`, which only its owner may enter: what is in it names people."""
    private.make_folder(BUILD)
    return BUILD


def bootstrap(account: Account, progress: Progress) -> bool:
    """Bootstrap the account for the CDK unless it is; return whether this call did."""
    found = describe(account, BOOTSTRAP_STACK)
    if found and found["StackStatus"] in COMPLETE:
        return False
    # Away from cdk.json: bootstrapping needs no app, and would synthesize it.
    folder = build_folder()
    target = f"aws://{account.id}/{account.region}"
    _cdk(account, ["bootstrap", target], progress, folder=folder)
    return True


def deploy(account: Account, stack: str, options: Sequence[str], progress: Progress) -> None:
    """Run `cdk deploy` for the stack.

    Args:
        account: where to; without a bootstrap the CDK says what to do.
        stack: the stack's name, which becomes the context value `stackName`.
        options: more options of `cdk deploy`, e.g. `["--parameters", "BucketSuffix=b"]`.
        progress: called with each line that the CDK CLI prints.

    Raises:
        WorkshopError: the deployment failed; the message is CloudFormation's and the CLI's, the
            whole output is in build/cdk.log. Or the options give the stack another suffix.
    """
    _ = account.id
    before = describe(account, stack)
    for option in options:
        if suffix := re.search(f"(?:^|[=:]){SUFFIX}=(.*)", option):
            require_same_suffix(before, {SUFFIX: suffix[1]})
    try:
        _cdk(
            account,
            ["deploy", "--context", f"stackName={stack}", "--require-approval", "never", *options],
            progress,
        )
    except WorkshopError as error:
        after = describe(account, stack)
        if after and _moment(after) != _moment(before):  # it came as far as CloudFormation
            raise WorkshopError(
                f"The stack is {after['StackStatus']}: {failure(account, after)}\n{error.message}",
                error.next_step,
            ) from error
        raise


def environment(account: Account) -> dict[str, str]:
    """The variables of the CDK CLI, and so of every package that it and `app.py` load.

    For AWS it needs what signing in may need, which nobody can list; it is never given the keys for
    Segment. For the embedded AWS it is given no secret but that one's.
    """
    if account.embedded:
        names = (name for name in os.environ if name.startswith("AWS_") or name == "NO_PROXY")
        given = inherited_environment() | {name: os.environ[name] for name in names}
    else:
        given = {n: value for n, value in os.environ.items() if not n.startswith(_SEGMENTS)}
        given = _signed_in(account, given)
    # The virtual environment's Python runs app.py, and its Node runs the CLI and jsii.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return given | QUIET | {"PATH": path, "CI": "true"}


def _signed_in(account: Account, given: Mapping[str, str]) -> dict[str, str]:
    """Put the credentials into the variables, as the CLI has no terminal to ask for an MFA code on.

    They replace the profile, so the region is named as well.
    """
    found = account.session.get_credentials()
    if found is None:
        return {**given}
    key = found.get_frozen_credentials()
    values = {
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret_key,
        "AWS_SESSION_TOKEN": key.token,
        "AWS_REGION": account.region,
    }
    profile = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", *values}
    kept = {name: value for name, value in given.items() if name not in profile}
    return kept | {name: value for name, value in values.items() if value}


def _moment(stack: Mapping[str, Any] | None) -> list[object]:
    """What tells one operation on a stack from the next."""
    return [stack and stack.get(key) for key in ("StackId", "StackStatus", "LastUpdatedTime")]


def _cdk(
    account: Account, arguments: Sequence[str], progress: Progress, folder: Path = PROJECT
) -> None:
    if not CDK.exists():
        raise WorkshopError(f"The CDK CLI is not installed at {CDK}.", "make setup")
    log = build_folder() / "cdk.log"
    lines: list[str] = []
    with open(log, "a", encoding="utf-8", opener=private.opener) as copy:
        try:  # one at a time: this folder has one cdk.out
            fcntl.flock(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkshopError(
                "Another command deploys or destroys in this folder.",
                "Wait until it has ended, then run this one again",
            ) from None
        process = subprocess.Popen(
            [CDK, "--progress", "events", "--no-notices", "--no-color", *arguments],
            cwd=folder,
            env=environment(account),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            for line in process.stdout or ():
                copy.write(line)
                lines.append(line.rstrip())
                if line.strip():
                    progress(line.strip())
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
    if process.returncode:
        said = [line for line in lines if line.strip()]
        failed = [line for line in said if "FAILED" in line or "Error" in line] or said
        raise WorkshopError(
            f"cdk {arguments[0]} failed:\n  " + "\n  ".join(failed[-6:]),
            f"The whole output is in {log}",
        )
