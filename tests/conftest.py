"""What is expensive to start: once for all tests of a worker."""

import signal
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from playwright.sync_api import Browser
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support.browser import launched
from tests.support.checkout import free_port, new_account, signed_in
from tests.support.failing_aws import Failing
from tests.support.loopback import Listener, listening
from tests.support.terminal import TERMINAL

# Started in the background, Python ignores SIGINT, and so would every process that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


class JobTogether(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Each file's tests in one process, and all of the job's in one: each would start a Spark."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "the job" if "/job/" in file else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> JobTogether:
    """Tell pytest-xdist which tests stay together."""
    return JobTogether(config, log)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def httpserver_listen_address() -> tuple[str, int]:
    """Where servers that a test makes up listen."""
    return "127.0.0.1", 0


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Somebody who should hear nothing, or nothing but a request for a tunnel."""
    with listening() as listener:
        yield listener


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of who started the embedded AWS, with nothing in it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Failing]:
    """The embedded AWS, started in a terminal that is full of somebody's secrets.

    Its folder was there before, open to everybody.
    """
    folder = tmp_path_factory.mktemp("aws") / "local"
    folder.mkdir(mode=0o755)
    server = Failing(folder, free_port())
    with pytest.MonkeyPatch.context() as patch:
        stages = {"PERSONALIZE_STAGE_SECONDS": "0.2"}
        for name, value in {**TERMINAL, **stages, "HOME": str(home)}.items():
            patch.setenv(name, value)
        server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def owner(server: Failing) -> Iterator[boto3.Session]:
    """The owner of an account of the module's own; a bare `boto3.client` is theirs, too.

    All accounts share one namespace of buckets, as on AWS.
    """
    with signed_in(server, new_account()) as session:
        yield session


@pytest.fixture(scope="module")
def account(owner: boto3.Session) -> str:
    """The number of the module's account."""
    return str(owner.client("sts").get_caller_identity()["Account"])


@pytest.fixture(scope="module")
def bucket(account: str) -> str:
    """The name of the exercise's bucket in the module's account."""
    return f"personalize-data-{account}"
