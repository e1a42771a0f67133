"""What can go wrong before anything works: one sentence, a next step, and nothing left behind."""

import json
import os
import socket
from pathlib import Path

import pytest

from tests.support.checkout import Checkout


@pytest.mark.parametrize("command", ["status", "verify", "query", "run-job"])
def test_nothing_runs_at_the_endpoint(checkout: Checkout, command: str) -> None:
    """Somebody opens a new terminal after `make down`."""
    error = checkout.run(command, code=1).stderr
    assert "The embedded AWS does not answer" in error
    assert "make up" in error


def test_the_endpoint_must_be_on_this_machine(checkout: Checkout) -> None:
    """A command for the embedded AWS must not reach anything else."""
    error = checkout.run("status", code=1, AWS_ENDPOINT_URL="http://192.0.2.1:4566").stderr
    assert "192.0.2.1:4566 is not an endpoint on this machine" in error


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


def test_java_is_too_old(checkout: Checkout, tmp_path: Path) -> None:
    """Java 11 is still what many machines have."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.22\" 2024-01-16' >&2\n")
    java.chmod(0o755)
    error = checkout.run("up", code=1, JAVA_HOME=str(tmp_path)).stderr
    assert "Java 17" in error
    assert "11.0.22" in error


def test_a_job_argument_without_a_value_is_refused(checkout: Checkout) -> None:
    """The job would otherwise run with a wrong idea of its arguments."""
    error = checkout.run("transform", ".", "out", "--START_DATE", code=1).stderr
    assert "--START_DATE has no value" in error
