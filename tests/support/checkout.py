"""A checkout of its own, on a port of its own: what a person runs by hand can go on meanwhile."""

import itertools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import boto3
import psutil
import pytest

from embedded_aws.server import EmbeddedAws
from tests.support import PROJECT, ran
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION

PROMPT = "tests.support.prompt"
_SECONDS = 300  # for one command, on a busy machine
_ACCOUNTS = itertools.count(300_000_000_001)


@dataclass
class Checkout:
    """A copy of the project's files with the project's installed packages.

    Attributes:
        path: its folder.
        port: the port of the embedded AWS that its commands use.
    """

    path: Path
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def server(self) -> EmbeddedAws:
        """What `up` starts here."""
        return EmbeddedAws(self.path / "build" / "local", self.port)

    def environment(self, **changes: str | None) -> dict[str, str]:
        """The user's environment without anything of AWS, pointed at the embedded AWS."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        values = {**inherited, "AWS_ENDPOINT_URL": self.endpoint, "COLUMNS": "200", **changes}
        return {name: value for name, value in values.items() if value is not None}

    def start(
        self, *arguments: str, program: str = "workshop", **environment: str | None
    ) -> subprocess.Popen[str]:
        """Start `python -m workshop` as a terminal does: in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", program, *arguments],
            cwd=self.path,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self, *arguments: str, code: int = 0, **environment: str | None
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m workshop`, and expect its exit code."""
        with tempfile.TemporaryDirectory() as scratch:
            out, err = (Path(scratch) / name for name in ("out", "err"))
            files = [os.devnull, str(out), str(err)]
            out.touch()
            err.touch()
            ended = self._prompt(arguments, self.environment(**environment), files)
            done = subprocess.CompletedProcess(
                arguments, ended, out.read_text("utf-8"), err.read_text("utf-8")
            )
        assert done.returncode == code, f"exit code {ended}\n{done.stdout}\n{done.stderr}"
        assert "\nTraceback" not in f"\n{done.stderr}", done.stderr
        return done

    def enter(self, server: EmbeddedAws, account: str = EMBEDDED_ACCOUNT) -> None:
        """Let the commands here work on an account of a running embedded AWS."""
        self.port = server.port
        file = self.server.credentials
        file.parent.mkdir(parents=True, exist_ok=True)
        file.parent.chmod(0o700)
        text = server.credentials.read_text(encoding="utf-8")
        file.write_text(text.replace(EMBEDDED_ACCOUNT, account), encoding="utf-8")

    def _prompt(
        self, arguments: tuple[str, ...], environment: dict[str, str], files: list[str]
    ) -> int:
        """Run a command by `prompt`; return its exit code."""
        process = self._prompted
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps([arguments, environment, files]) + "\n")
        process.stdin.flush()
        answered, _, _ = select.select([process.stdout], [], [], _SECONDS)
        if not answered:
            for child in psutil.Process(process.pid).children():
                os.killpg(child.pid, signal.SIGKILL)
        return int(process.stdout.readline())

    @cached_property
    def _prompted(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", PROMPT],
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def leave(self) -> None:
        """End the prompt, if there is one."""
        if "_prompted" in vars(self):
            self._prompted.communicate()  # it ends with its requests

    def processes(self) -> list[psutil.Process]:
        """Every process that works in this checkout or serves its port, but the prompt."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd", "name"]):
            command = " ".join(process.info["cmdline"] or [])
            if command.endswith(PROMPT):
                continue
            if str(self.path) in command or str(self.path) in (process.info["cwd"] or ""):
                found.append(process)
        return found

    def port_is_open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def owner_of(server: EmbeddedAws) -> Iterator[boto3.Session]:
    """Run an embedded AWS of one's own, to break or to stop; yield its account's owner."""
    server.start()
    state = server.running()
    assert state
    # What has ended is there until its parent, this process, has waited for it, and `down` waits
    # until it is gone.
    threading.Thread(target=psutil.Process(state.pid).wait, daemon=True).start()
    try:
        with signed_in(server) as session:
            yield session
    finally:
        server.stop()


@contextmanager
def signed_in(server: EmbeddedAws, account: str = EMBEDDED_ACCOUNT) -> Iterator[boto3.Session]:
    """Set the environment as `workshop env` does, for an account's owner."""
    with pytest.MonkeyPatch.context() as patch:
        key = {"AWS_ACCESS_KEY_ID": account}
        for name, value in (server.client_environment() | key).items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # boto3 would keep the first credentials
        yield session_of(server, account)


def new_account() -> str:
    """The number of an account in which nothing is yet: any number is one."""
    return str(next(_ACCOUNTS))


def session_of(server: EmbeddedAws, account: str = EMBEDDED_ACCOUNT) -> boto3.Session:
    """A session of an account's owner: any account's number is a key, all have one secret."""
    secret = server.client_environment()["AWS_SECRET_ACCESS_KEY"]
    return boto3.Session(account, secret, region_name=EMBEDDED_REGION)


def copy_project(path: Path) -> None:
    """Copy the project's files, and link what is installed."""
    listed = ran("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    for name in filter(None, listed.split("\0")):
        source = PROJECT / name
        if source.is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, path / name)
    for name in (".venv", "node_modules"):
        (path / name).symlink_to(PROJECT / name)


@contextmanager
def new_checkout(path: Path) -> Iterator[Checkout]:
    """Copy the project to a folder, and end what still runs there afterwards."""
    copy_project(path)
    copy = Checkout(path, free_port())
    yield copy
    for process in copy.processes():
        process.kill()
    copy.leave()
