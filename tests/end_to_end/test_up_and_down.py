"""What `up` leaves when it is interrupted, and what `down` finds when things are in its way.

Each test has a checkout and an embedded AWS of its own, and destroys them.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import PROJECT
from tests.support.checkout import Checkout, owner_of
from tests.support.stack import LITTLE, create, event_body
from workshop.account import EMBEDDED_ACCOUNT
from workshop.environment import DEFAULT_STACK

BUCKET = f"personalize-data-{EMBEDDED_ACCOUNT}"
# Stands for the CDK CLI where the deployment itself does not matter.
CDK = f"""#!{sys.executable}
import sys, boto3
sys.path.insert(0, {str(PROJECT)!r})
from tests.support.stack import create
if "deploy" in sys.argv:
    create(boto3.Session(), open("template.json").read(), {DEFAULT_STACK!r})
"""


def spark_runs(checkout: Checkout) -> bool:
    return any(process.name() == "java" for process in checkout.processes())


def after(seconds: float) -> Callable[[Checkout], bool]:
    """Make the moment when so many seconds have passed since the port was opened."""
    since: list[float] = []

    def moment(_checkout: Checkout) -> bool:
        since.append(time.monotonic())
        return since[-1] >= since[0] + seconds

    return moment


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, after(1)), (signal.SIGTERM, after(9)), (signal.SIGINT, spark_runs)],
    ids=["at the start", "while it deploys", "while Spark runs"],
)
def test_interrupted_up_leaves_no_process_and_no_port(
    fresh: Checkout, number: signal.Signals, moment: Callable[[Checkout], bool]
) -> None:
    """Ctrl-C would leave an emulator behind, or Spark."""
    if moment is spark_runs:
        (fresh.path / "template.json").write_text(event_body(LITTLE))
        (fresh.path / "node_modules").unlink()
        cdk = fresh.path / "node_modules" / ".bin" / "cdk"
        cdk.parent.mkdir(parents=True)
        cdk.write_text(CDK)
        cdk.chmod(0o755)
    process = fresh.start("up")
    while not (fresh.port_is_open() and moment(fresh)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    os.killpg(process.pid, number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in error
    assert "Traceback" not in error
    assert not fresh.port_is_open()
    assert fresh.processes() == []


def assemble(folder: Path) -> None:
    """Leave what a deployment leaves for `cdk destroy`, so that nothing is synthesized again."""
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{EMBEDDED_ACCOUNT}/us-east-1",
        "properties": {"templateFile": "one.json"},
    }
    manifest = {"version": "48.0.0", "artifacts": {DEFAULT_STACK: stack}}
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "one.json").write_text('{"Resources": {}}')


def test_down_names_what_is_left_and_leaves_nothing_in_the_end(fresh: Checkout) -> None:
    """Deletion works with versions, unfinished uploads and history; a stray thing is named."""
    assemble(fresh.path / "cdk.out")
    with owner_of(fresh.server) as owner:
        create(owner, event_body(LITTLE), DEFAULT_STACK)
        s3, logs, cloudwatch = (owner.client(name) for name in ("s3", "logs", "cloudwatch"))
        s3.put_object(Bucket=BUCKET, Key="notes/mine.txt", Body=b"one")
        s3.put_object(Bucket=BUCKET, Key="notes/mine.txt", Body=b"two")
        s3.create_multipart_upload(Bucket=BUCKET, Key="notes/unfinished")
        s3.create_bucket(Bucket="somebody-elses")
        logs.create_log_group(logGroupName="/stray")
        cloudwatch.put_dashboard(DashboardName="astray", DashboardBody='{"widgets": []}')

        error = fresh.run("down", code=1).stderr
        assert "S3 bucket somebody-elses" in error
        assert "log group /stray" in error
        assert "dashboard astray" in error
        assert "3 things are left" in error

        s3.delete_bucket(Bucket="somebody-elses")
        logs.delete_log_group(logGroupName="/stray")
        cloudwatch.delete_dashboards(DashboardNames=["astray"])
        assert "nothing left" in fresh.run("down").stderr
        assert not fresh.port_is_open()
        assert fresh.processes() == []
        assert "nothing to do" in fresh.run("down").stdout
