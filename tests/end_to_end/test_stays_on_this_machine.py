"""The embedded AWS keeps to this machine, to its user, and away from AWS; and AWS from it."""

import contextlib
import json
import os
import stat
import sys
import threading
from pathlib import Path

import boto3
import psutil
import pytest

from embedded_aws.server import EmbeddedAws
from stacks import outputs
from tests.support import ran
from tests.support.checkout import Checkout, new_account, signed_in
from tests.support.glue import run_of
from tests.support.loopback import Listener
from tests.support.participant import JOB
from tests.support.stack import create, event_body
from tests.support.terminal import CANARY, TERMINAL
from workshop.account import LOOPBACK


def family(server: EmbeddedAws) -> list[psutil.Process]:
    state = server.running()
    process = state.process() if state else None
    assert process
    return [process, *process.children(recursive=True)]


class Watch(threading.Thread):
    """Looks at every socket and environment of the server and what it starts, again and again."""

    def __init__(self, server: EmbeddedAws) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.sockets: set[tuple[str, str]] = set()
        self.commands: set[str] = set()
        self.canaries: set[str] = set()
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(1):
            self.look_at_all()

    def look_at_all(self) -> None:
        for process in family(self.server):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.look(process)

    def look(self, process: psutil.Process) -> None:
        command = Path(process.exe()).name
        self.commands.add(command)
        for found in process.net_connections("inet"):
            ends = [end.ip for end in (found.laddr, found.raddr) if end]
            self.sockets.update((command, ip) for ip in ends)
        if CANARY in process.environ().values():
            self.canaries.add(command)

    def end(self) -> None:
        self._ended.set()
        self.join()

    def addresses(self) -> set[str]:
        """Both ends of every socket that was seen; Java writes IPv4 as IPv6."""
        return {ip.removeprefix("::ffff:") for _, ip in self.sockets}


def test_it_listens_on_loopback_only(server: EmbeddedAws) -> None:
    """Everybody in the room could use it."""
    with signed_in(server, new_account()) as owner:
        assert owner.client("s3").list_buckets()["Buckets"] == []
    watch = Watch(server)
    watch.look_at_all()
    assert watch.addresses() == {"127.0.0.1"}


@pytest.mark.slow
def test_what_it_runs_stays_on_loopback(server: EmbeddedAws, owner: boto3.Session) -> None:
    """The Lambda or Spark could be open to the room, or use somebody's credentials on AWS."""
    watch = Watch(server)
    watch.start()
    create(owner, event_body())
    run_of(owner.client("glue"), JOB)
    watch.end()
    assert "java" in watch.commands  # Spark was there to be seen
    assert watch.addresses() <= {*LOOPBACK}, watch.sockets
    assert watch.canaries == set()


def test_what_it_keeps_is_the_users(server: EmbeddedAws, home: Path) -> None:
    """Others on the machine could read the logs, or find something in the user's home."""
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    inside = [path for path in (server.folder / "tmp").rglob("*") if not path.is_symlink()]
    assert [path for path in inside if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    assert list(home.rglob("*")) == []


def test_it_neither_needs_nor_keeps_credentials(server: EmbeddedAws, owner: boto3.Session) -> None:
    """A demonstration would use, or leak, somebody's account."""
    assert owner.client("sts").get_caller_identity()["Arn"].endswith(":root")
    for path in server.folder.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("command", ["up", "down"])
def test_it_is_on_loopback_or_refused(checkout: Checkout, command: str) -> None:
    """`up` for this machine would deploy to, and `down` delete from, another one."""
    error = checkout.run(command, code=1, AWS_ENDPOINT_URL="http://192.168.1.5:4566").stderr
    assert "is not an endpoint on this machine" in error
    assert not (checkout.path / "build").exists()


@pytest.fixture
def profile(tmp_path: Path, listener: Listener) -> tuple[Path, Path]:
    """A user's AWS configuration: a marker tells that its credentials were asked for."""
    marker, config = tmp_path / "asked", tmp_path / "config"
    config.write_text(
        f"[default]\nregion = eu-west-1\nendpoint_url = {listener.url}\n"
        f"credential_process = sh -c 'touch {marker}; exit 1'\n"
    )
    return config, marker


def test_a_command_for_the_embedded_aws_goes_nowhere_else(
    fresh: Checkout,
    server: EmbeddedAws,
    owner: boto3.Session,
    listener: Listener,
    profile: tuple[Path, Path],
) -> None:
    """A rehearsal would be sent to a real account, a proxy, or one service's other endpoint."""
    assert owner.client("sts").get_caller_identity()
    fresh.enter(server)
    config, marker = profile
    error = fresh.run(
        "status",
        "--stack",
        "Another",
        code=1,
        **TERMINAL,
        AWS_ENDPOINT_URL=server.endpoint,
        AWS_ENDPOINT_URL_STS=listener.url,
        AWS_ENDPOINT_URL_CLOUDFORMATION=listener.url,
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true",
        AWS_CONFIG_FILE=str(config),
        HTTP_PROXY=listener.url,
        HTTPS_PROXY=listener.url,
        ALL_PROXY=listener.url,
    ).stderr
    assert f"The stack Another is not deployed on the embedded AWS at {server.endpoint}" in error
    assert listener.heard == []
    assert not marker.exists()


def test_a_command_for_aws_goes_to_no_embedded_one(
    fresh: Checkout, listener: Listener, profile: tuple[Path, Path]
) -> None:
    """What was meant for AWS would be done, and believed, on an emulator that a profile names."""
    config, marker = profile
    error = fresh.run(
        "status",
        code=1,
        AWS_ENDPOINT_URL=None,
        AWS_ENDPOINT_URL_STS=listener.url,
        AWS_CONFIG_FILE=str(config),
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
    ).stderr
    assert "You are not signed in to AWS" in error
    assert marker.exists()  # it is AWS that was meant: its credentials were asked for
    assert listener.heard == []


def test_another_folders_key_is_told_from_no_server(
    fresh: Checkout, server: EmbeddedAws, owner: boto3.Session
) -> None:
    """Two checkouts on one port are often mistaken for each other."""
    assert owner
    wrong = {"AWS_ACCESS_KEY_ID": "111122223333", "AWS_SECRET_ACCESS_KEY": "of yesterday"}
    error = fresh.run("status", code=1, AWS_ENDPOINT_URL=server.endpoint, **wrong).stderr
    assert f"{server.endpoint} does not accept this folder's key" in error
    assert "workshop env" in error


@pytest.mark.slow
def test_other_tools_get_what_they_need(fresh: Checkout, server: EmbeddedAws) -> None:
    """The AWS CLI and awswrangler want an endpoint, a region and a key."""
    assert "make up" in fresh.run("env", code=1).stderr
    (fresh.path / "build").mkdir()
    (fresh.path / "build" / "local").symlink_to(server.folder)
    printed = fresh.run("env", AWS_ENDPOINT_URL=None, AWS_PROFILE="mine").stdout
    asked = (
        f'{printed}\n{sys.executable} -c \'import boto3, os; print(os.environ.get("AWS_PROFILE"), '
        'boto3.client("sts").get_caller_identity()["Account"])\''
    )
    said = ran("sh", "-c", asked, env={"AWS_PROFILE": "mine"}).stdout
    assert said == "None 111122223333\n"
    as_json = json.loads(fresh.run("env", "--json").stdout)
    assert as_json == server.client_environment()


def test_where_it_works_is_said_before_anything_changes(
    fresh: Checkout, server: EmbeddedAws, owner: boto3.Session, account: str
) -> None:
    """The wrong terminal would be noticed too late."""
    template = {
        "Resources": {"Data": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {
            outputs.BUCKET: {"Value": {"Ref": "Data"}},
            **{name: {"Value": "-"} for name in (outputs.DATABASE, outputs.JOB, outputs.WORKGROUP)},
        },
    }
    fresh.enter(server, account)
    owner.client("cloudformation").create_stack(
        StackName="BucketOnly", TemplateBody=json.dumps(template)
    )
    done = fresh.run(
        *("seed", "--events", "100", "--days", "1", "--stack", "BucketOnly"),
        AWS_ENDPOINT_URL=server.endpoint,
    )
    assert done.stderr.startswith(f"Working on the embedded AWS at {server.endpoint}."), done
