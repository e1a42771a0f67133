"""What `up` leaves when it is interrupted, and what `down` finds when things are in its way.

Each test has a checkout and an embedded AWS of its own, and destroys them.
"""

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from tests.support import PROJECT
from tests.support.checkout import Checkout, owner_of
from tests.support.stack import LITTLE, create, event_body
from workshop.account import EMBEDDED_ACCOUNT
from workshop.environment import DEFAULT_STACK

pytestmark = pytest.mark.slow

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
    # The name as it was listed: the process may have ended since.
    return any(process.info["name"] == "java" for process in checkout.processes())


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


def test_down_wants_consent_and_leaves_nothing(fresh: Checkout) -> None:
    """Deletion works with versions, unfinished uploads and history, beside strangers' things."""
    with owner_of(fresh.server) as owner:
        create(owner, event_body(LITTLE), DEFAULT_STACK)
        s3 = owner.client("s3")
        s3.put_object(Bucket=BUCKET, Key="notes/mine.txt", Body=b"one")
        s3.put_object(Bucket=BUCKET, Key="notes/mine.txt", Body=b"two")
        s3.create_multipart_upload(Bucket=BUCKET, Key="notes/unfinished")
        s3.create_bucket(Bucket="somebody-elses")

        error = fresh.run("down", code=1).stderr
        assert f"s3://{BUCKET}/" in error
        assert "not sample logs" in error
        assert "--yes" in error
        assert s3.head_object(Bucket=BUCKET, Key="notes/mine.txt")

        assert "nothing left" in fresh.run("down", "--yes").stderr
        assert not fresh.port_is_open()
        assert fresh.processes() == []
        assert "nothing to do" in fresh.run("down", "--yes").stdout
