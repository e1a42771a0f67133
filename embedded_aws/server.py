"""Starts and stops the embedded AWS, a process of its own on one loopback port.

It is MiniStack with IAM evaluated on every call (`AUTH=true`), behind `embedded_aws.gate`, and
with what it lacks added by the other modules, whose hooks into it are in `embedded_aws.hooks`. Its
state lives in memory: it goes when it stops. So does the secret key that it makes when it starts.
"""

import asyncio
import configparser
import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from workshop import private
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION, credentials_file, is_open
from workshop.errors import WorkshopError
from workshop.processes import inherited_environment

HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 10
# What its user can set, besides the port.
SETTINGS = ("PERSONALIZE_STAGE_SECONDS",)
LEAST_FREE_BYTES = 50 * 1024**2  # less than it writes until it answers


@dataclass(frozen=True)
class Running:
    """A running embedded AWS: its process id, its port, and when the process was made (epoch)."""

    pid: int
    port: int
    created: float

    def process(self) -> psutil.Process | None:
        """The process, or None when it has ended (also when its id now names another one)."""
        try:
            process = psutil.Process(self.pid)
            is_it = abs(process.create_time() - self.created) < 1
            # A zombie has ended as well: its parent has not collected it yet.
            return process if is_it and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class EmbeddedAws:
    """The embedded AWS of one folder.

    Args:
        folder: where its log, its state file and its temporary files live, private to the user.
        port: the loopback port, 1 to 65535.

    Attributes:
        credentials: the file with the key that a running one knows, in the AWS CLI's format.
        module: what runs in the process; a test may run more than this module.
    """

    module = "embedded_aws.server"

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "aws.log"
        self.credentials = credentials_file(folder, port)
        self._state = folder / "server.json"

    @property
    def endpoint(self) -> str:
        """The URL that every client of it uses."""
        return f"http://{HOST}:{self.port}"

    def client_environment(self) -> dict[str, str]:
        """The variables by which any AWS tool uses a running one as its account's owner."""
        credentials = configparser.ConfigParser(interpolation=None)
        credentials.read(self.credentials, encoding="utf-8")
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": EMBEDDED_REGION,
            "AWS_DEFAULT_REGION": EMBEDDED_REGION,
            **{name.upper(): value for name, value in credentials["default"].items()},
        }

    @classmethod
    def of_folder(cls, folder: Path) -> "EmbeddedAws | None":
        """The one that runs in a folder, on whatever port."""
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            state = json.loads((folder / "server.json").read_text(encoding="utf-8"))
            found = cls(folder, state["port"])
            return found if found.running() else None
        return None

    def running(self) -> Running | None:
        """The running process that this folder's state file names, on this port."""
        try:
            state = Running(**json.loads(self._state.read_text(encoding="utf-8")))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return None
        return state if state.port == self.port and state.process() else None

    def start(self) -> bool:
        """Start it unless it runs; return whether this call started it.

        Raises:
            WorkshopError: the port is taken, or the process ended or did not answer in time.
        """
        if self.running():
            return False
        self._require_none_elsewhere("Use that one, or stop it first: make down")
        if is_open(self.port):
            raise WorkshopError(
                f"Port {self.port} is in use by another program.",
                f"Stop that program, or choose another port: make up PORT={self.port + 1}",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        for file in (self.log, self._state):
            file.unlink(missing_ok=True)
        given = {name: os.environ[name] for name in SETTINGS if name in os.environ}
        with open(self.log, "w", encoding="utf-8", opener=private.opener) as log:
            process = subprocess.Popen(
                [sys.executable, "-m", self.module, str(self.folder), str(self.port)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=inherited_environment() | given,
                start_new_session=True,
                cwd=Path(__file__).parent.parent,
            )
        state = Running(process.pid, self.port, psutil.Process(process.pid).create_time())
        private.write(self._state, json.dumps(asdict(state)).encode())
        try:
            self._wait_for(process)
        except BaseException:
            self.stop()
            raise
        return True

    def stop(self) -> bool:
        """Stop it and every process that it started; return whether it ran."""
        state = self.running()
        process = state.process() if state else None
        if process:
            family = [process, *process.children(recursive=True)]
            process.terminate()
            psutil.wait_procs([process], timeout=STOP_SECONDS)
            for member in family:
                if member.is_running():
                    member.kill()
            psutil.wait_procs(family, timeout=STOP_SECONDS)
        if not self.of_folder(self.folder):  # none of this folder's that runs at another port
            self._state.unlink(missing_ok=True)
            shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        self.credentials.unlink(missing_ok=True)
        return process is not None

    def require_none(self) -> None:
        """Stop what should not be running any more; remove what a server that died has left.

        Raises:
            WorkshopError: this folder's runs at another port, or another program at this one.
        """
        self._require_none_elsewhere("Name its port: make down")
        if is_open(self.port):
            raise WorkshopError(
                f"What answers at port {self.port} was not started in this folder.",
                "Run this in the folder where it was started, or name another port",
            )
        self.stop()

    def _require_none_elsewhere(self, advice: str) -> None:
        elsewhere = self.of_folder(self.folder)
        if elsewhere and elsewhere.port != self.port:
            raise WorkshopError(
                f"The embedded AWS of this folder runs at port {elsewhere.port}, not {self.port}.",
                f"{advice} PORT={elsewhere.port}",
            )

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return
            time.sleep(0.1)
        said = self.log.read_text(encoding="utf-8").strip().splitlines()[-1:]
        free = shutil.disk_usage(self.folder).free
        if free < LEAST_FREE_BYTES:
            said = [f"the disk is full: {free:,} bytes are free in {self.folder}"]
        raise WorkshopError(
            f"The embedded AWS did not start: {''.join(said) or f'exit code {process.poll()}'}",
            f"Its whole log is {self.log}",
        )


def _over_tls(app: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Mark every request as one that came over TLS.

    On AWS each call does; here loopback carries them in the clear, and the data bucket's own
    policy, which refuses that, would refuse everything.
    """

    async def marked(scope: dict[str, Any], receive: object, send: object) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
        await app(scope, receive, send)

    return marked


async def _serve(port: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from embedded_aws import (
        cloudformation,
        cloudwatch,
        firehose,
        glue,
        hooks,
        iam,
        lambda_functions,
    )
    from embedded_aws.athena import service as athena
    from embedded_aws.gate import Gate
    from embedded_aws.personalize import service as personalize

    hooks.check()
    athena.install()
    cloudformation.install()
    cloudwatch.install()
    firehose.install()
    glue.install()
    iam.install()
    lambda_functions.install()
    personalize.install()
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.graceful_timeout = 1
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    gate: Any = Gate(_over_tls(hooks.app.app), port)
    await serve(gate, config, shutdown_trigger=stopping.wait)
    athena.end()
    glue.end()


def main(folder: Path, port: int) -> None:
    """Run the server in this process until SIGTERM or SIGINT."""
    os.umask(0o077)
    temporary = folder / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)  # of one that was killed
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    secret = secrets.token_urlsafe(30)
    owner = f"[default]\naws_access_key_id = {EMBEDDED_ACCOUNT}\naws_secret_access_key = {secret}\n"
    private.write(credentials_file(folder, port), owner.encode())
    os.environ |= {
        "TMPDIR": str(temporary),
        "AUTH": "true",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        # The host that CloudFormation's response URLs name.
        "MINISTACK_HOST": HOST,
        "MINISTACK_ACCOUNT_ID": EMBEDDED_ACCOUNT,
        "MINISTACK_REGION": EMBEDDED_REGION,
        "AWS_ACCESS_KEY_ID": EMBEDDED_ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": secret,
        # Listeners on ports of their own, which nothing here uses.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "INFO",
    }
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("py4j").setLevel(logging.WARNING)
    with asyncio.Runner() as runner:
        try:
            runner.run(_serve(port))
        except WorkshopError as error:
            sys.exit(str(error))
        # Not by the interpreter's way, which waits for every thread, whatever it computes.
        shutil.rmtree(temporary, ignore_errors=True)
        os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "--stop":
        started = EmbeddedAws.of_folder(Path(sys.argv[2]))
        if started:
            started.stop()
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]))
