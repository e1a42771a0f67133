"""A checkout of its own, on a port of its own: what a person runs by hand can go on meanwhile."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import psutil
import pytest

from embedded_aws.server import EmbeddedAws
from tests.support import PROJECT
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION


@dataclass(frozen=True)
class Checkout:
    """A copy of the project's files with the project's installed packages."""

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

    def start(self, *arguments: str, **environment: str | None) -> subprocess.Popen[str]:
        """Start `python -m workshop` as a terminal does: in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "workshop", *arguments],
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
        process = self.start(*arguments, **environment)
        try:
            out, err = process.communicate(timeout=300)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def processes(self) -> list[psutil.Process]:
        """Every process that works in this checkout or serves its port."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd"]):
            command = " ".join(process.info["cmdline"] or [])
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
    """Run an embedded AWS, with a session of its account's owner; it stops whatever happens."""
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.client_environment().items():
                patch.setenv(name, value)
            yield session_of(server)
    finally:
        server.stop()


def session_of(server: EmbeddedAws, account: str = EMBEDDED_ACCOUNT) -> boto3.Session:
    """A session of an account's owner: any account's number is a key, all have one secret."""
    secret = server.client_environment()["AWS_SECRET_ACCESS_KEY"]
    return boto3.Session(account, secret, region_name=EMBEDDED_REGION)


def copy_project(path: Path) -> None:
    """Copy the project's files, and link what is installed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
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
