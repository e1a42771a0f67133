"""No other user of the machine gets into the embedded AWS, and no function gets its secret."""

import hashlib
import json
import os
import subprocess
import zipfile
from pathlib import Path

import boto3
import pytest
from botocore.credentials import Credentials

from embedded_aws.server import EmbeddedAws
from tests.support.checkout import free_port
from tests.support.signing import CREATE, FORGED, FUNCTIONS, Signer, functions
from tests.support.terminal import CANARY
from workshop.account import EMBEDDED_ACCOUNT


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_another_user_of_the_machine_is_refused(server: EmbeddedAws, owner: boto3.Session) -> None:
    """They know the account's number, and can reach every loopback port."""
    assert functions(owner) == []
    script = f"""
import json, sys, urllib.request
try:
    open({str(server.credentials)!r}).read()
    print("READ THE SECRET")
except PermissionError:
    print("no secret")
request = urllib.request.Request("{server.endpoint}{FUNCTIONS}", {CREATE.encode()!r},
    {{"Authorization": {FORGED % "lambda"!r}, "X-Amz-Date": "20261127T000000Z"}})
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
    said = subprocess.run(
        ["/usr/bin/env", "-i", "python3", "-c", script],
        user="nobody",
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.split("\n")[:2] == ["no secret", "403"], said.stderr
    assert functions(owner) == []


def test_the_secret_is_in_one_file_of_the_users(server: EmbeddedAws, owner: boto3.Session) -> None:
    """No log and no command line has it."""
    secret = server.client_environment()["AWS_SECRET_ACCESS_KEY"]
    assert owner
    assert server.credentials.stat().st_mode & 0o077 == 0
    assert server.folder.stat().st_mode & 0o077 == 0
    holding = [
        path
        for path in server.folder.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert holding == [server.credentials]
    state = server.running()
    process = state.process() if state else None
    assert process
    assert secret not in " ".join(process.cmdline())


def test_the_secret_is_another_after_each_start(tmp_path: Path) -> None:
    """A key that was seen once is good until the next start at the most."""
    server = EmbeddedAws(tmp_path / "aws", free_port())
    secrets = set()
    for _ in range(2):
        server.start()
        try:
            secrets.add(server.client_environment()["AWS_SECRET_ACCESS_KEY"])
        finally:
            server.stop()
        assert not server.credentials.exists()
    assert len(secrets) == 2
    assert min(map(len, secrets)) >= 40


def test_a_function_has_a_key_that_cannot_be_computed_and_nothing_of_the_terminal(
    owner: boto3.Session, signer: Signer, tmp_path: Path
) -> None:
    """MiniStack computes it from names that everybody knows, and hands on all variables."""
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", "import os\ndef handler(*_):\n    return dict(os.environ)\n")
    client = owner.client("lambda")
    arn = client.create_function(
        FunctionName="look",
        Runtime="python3.12",
        Handler="index.handler",
        Role=f"arn:aws:iam::{EMBEDDED_ACCOUNT}:role/Lambda",
        Code={"ZipFile": archive.read_bytes()},
    )["FunctionArn"]
    try:
        environment = json.loads(client.invoke(FunctionName="look")["Payload"].read())
    finally:
        client.delete_function(FunctionName="look")
    digest = hashlib.sha256(
        f"{arn}:arn:aws:iam::{EMBEDDED_ACCOUNT}:role/Lambda".encode()
    ).hexdigest()
    guessed = hashlib.sha256(f"secret:{digest}".encode()).hexdigest()
    assert environment["AWS_SECRET_ACCESS_KEY"] != guessed
    assert signer.credentials.secret_key not in environment.values()
    assert CANARY not in environment.values()
    token = hashlib.sha256(f"token:{digest}".encode()).hexdigest()
    stranger = Signer(signer.endpoint, Credentials(f"ASIA{digest[:16].upper()}", guessed, token))
    assert stranger.send(stranger.signed()).status_code == 403
