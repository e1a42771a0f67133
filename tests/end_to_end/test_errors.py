"""What can go wrong before anything works: one sentence, a next step, and nothing left behind."""

import json
import os
import socket
from pathlib import Path

import pytest

from tests.support.checkout import Checkout


def test_no_credentials_for_aws(checkout: Checkout) -> None:
    """Without an endpoint this is AWS, which wants to know who is there."""
    error = checkout.run(
        "status",
        code=1,
        AWS_ENDPOINT_URL=None,
        AWS_REGION="eu-west-1",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    ).stderr
    assert "credentials" in error
    assert "aws sso login" in error


def test_no_region_for_aws(checkout: Checkout) -> None:
    """The default region of nobody must not be deployed to."""
    error = checkout.run("status", code=1, AWS_ENDPOINT_URL=None, AWS_CONFIG_FILE=os.devnull).stderr
    assert "No AWS region is set" in error


def test_half_of_the_embedded_aws_is_not_aws(checkout: Checkout) -> None:
    """Its region would be deployed to, and a leftover key explains nothing."""
    error = checkout.run(
        "status",
        code=1,
        AWS_ENDPOINT_URL=None,
        AWS_ACCESS_KEY_ID="111122223333",
        AWS_SECRET_ACCESS_KEY="anything",
        AWS_REGION="us-east-1",
    ).stderr
    assert "key and the region of the embedded AWS" in error


def test_the_port_is_taken(checkout: Checkout) -> None:
    """Another emulator often has the usual port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", checkout.port))
        other.listen()
        error = checkout.run("up", code=1).stderr
    assert f"Port {checkout.port} is in use" in error
    assert "PORT=" in error


@pytest.mark.parametrize("command", [("up",), ("transform", ".", "out")])
def test_java_is_missing(checkout: Checkout, command: tuple[str, ...], tmp_path: Path) -> None:
    """Said at once, not after a minute as a job's failure."""
    error = checkout.run(*command, code=1, PATH=str(tmp_path), JAVA_HOME=None).stderr
    assert "Spark needs Java" in error
    assert "apt-get install" in error
    assert not checkout.port_is_open()


def test_doctor_says_what_is_missing(fresh: Checkout, tmp_path: Path) -> None:
    """Each check that fails says what to do, and those that pass do not."""
    broken = fresh.run("doctor", code=1, PATH=str(tmp_path), JAVA_HOME=None)
    lines = broken.stdout.splitlines()
    assert [line for line in lines if line.startswith("no Java")]
    assert [line for line in lines if line.startswith("no account")]
    assert broken.stdout.count("Next:") == 2
    checks = json.loads(fresh.run("doctor", "--json", code=1).stdout)
    assert [check["rule"] for check in checks if not check["passed"]] == ["account"]
