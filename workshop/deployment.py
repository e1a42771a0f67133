"""Deploying and destroying with the real CDK CLI, on AWS and on the embedded AWS alike."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from botocore.exceptions import ClientError

from workshop.account import Account
from workshop.errors import WorkshopError
from workshop.inventory import BOOTSTRAP_STACK

PROJECT = Path(__file__).parent.parent
CDK = PROJECT / "node_modules" / ".bin" / "cdk"
BUILD = PROJECT / "build"
ASSEMBLY = PROJECT / "cdk.out"
SCRIPT = PROJECT / "glue_scripts" / "segment_events_to_csv.py"
HELPER = PROJECT / "glue_scripts" / "segment_io.py"
Progress = Callable[[str], None]


def bootstrap(account: Account, progress: Progress) -> bool:
    """Bootstrap the account for the CDK unless it is; return whether this call did."""
    try:
        account.session.client("cloudformation").describe_stacks(StackName=BOOTSTRAP_STACK)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
    else:
        return False
    # Away from cdk.json: bootstrapping needs no app, and would synthesize it.
    _cdk(["bootstrap", f"aws://{account.id}/{account.region}"], progress, folder=BUILD)
    return True


def deploy(account: Account, stack: str, options: Sequence[str], progress: Progress) -> None:
    """Run `cdk deploy` for the stack.

    Args:
        account: where to; without a bootstrap the CDK says what to do.
        stack: the stack's name, which becomes the context value `stackName`.
        options: more options of `cdk deploy`, e.g. `["--parameters", "BucketSuffix=b"]`.
        progress: called with each line that the CDK CLI prints.

    Raises:
        WorkshopError: the deployment failed; the message is the CLI's, the whole output is in
            build/cdk.log.
    """
    _ = account.id
    _cdk(
        ["deploy", "--context", f"stackName={stack}", "--require-approval", "never", *options],
        progress,
    )


def destroy(account: Account, stack: str, progress: Progress) -> None:
    """Run `cdk destroy` for the stack; no stack is no error.

    Raises:
        WorkshopError: the deletion failed; the message is the CLI's.
    """
    _ = account.id
    # What was deployed from here last is still there; it need not be made again.
    app = ["--app", str(ASSEMBLY)] if _assembled(stack) else ["--context", f"stackName={stack}"]
    _cdk(["destroy", stack, "--force", *app], progress)


def _assembled(stack: str) -> bool:
    try:
        manifest = json.loads((ASSEMBLY / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return stack in manifest["artifacts"]


def _cdk(arguments: Sequence[str], progress: Progress, folder: Path = PROJECT) -> None:
    if not CDK.exists():
        raise WorkshopError(f"The CDK CLI is not installed at {CDK}.", "make setup")
    BUILD.mkdir(exist_ok=True)
    log = BUILD / "cdk.log"
    # The virtual environment's Python runs app.py, and its Node runs the CLI and jsii.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    process = subprocess.Popen(
        [CDK, "--progress", "events", "--no-notices", "--no-color", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "CI": "true", "CDK_DISABLE_VERSION_CHECK": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    try:
        with log.open("a", encoding="utf-8") as copy:
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
