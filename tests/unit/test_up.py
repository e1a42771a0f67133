"""What `up` does with the embedded AWS that it has started, when something fails."""

from types import SimpleNamespace
from typing import Any

import pytest

from workshop import deployment, summary
from workshop.commands import environment
from workshop.errors import WorkshopError

FAILED = WorkshopError("The job run jr_1 is FAILED", "Read the log: workshop logs jr_1")


class Server:
    """An embedded AWS that starts at once."""

    endpoint = "http://127.0.0.1:4566"

    def __init__(self) -> None:
        self.is_stopped = False

    def start(self) -> bool:
        return True

    def stop(self) -> None:
        self.is_stopped = True


@pytest.mark.parametrize(
    ("failing", "error", "is_stopped"),
    [
        ("deploy", FAILED, True),
        ("gather", FAILED, False),
        ("gather", KeyboardInterrupt(), True),
    ],
    ids=["deployment", "job", "Ctrl-C"],
)
def test_after_a_failed_job_its_log_can_be_read(
    monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException, *, is_stopped: bool
) -> None:
    """`workshop logs` would be the advice, and the log gone with the server."""

    def fail(*_: object) -> None:
        raise error

    def succeed(*_: object) -> bool:
        return True

    monkeypatch.setattr(environment, "_check_java", succeed)
    monkeypatch.setattr(deployment, "bootstrap", succeed)
    monkeypatch.setattr(deployment, "deploy", fail if failing == "deploy" else succeed)
    monkeypatch.setattr(summary, "gather", fail)
    server = Server()
    context: Any = SimpleNamespace(
        server=server,
        account=None,
        stack="One",
        announce=succeed,
        environment=SimpleNamespace(status="CREATE_COMPLETE"),
    )
    with pytest.raises(type(error)):
        environment.up(context)
    assert server.is_stopped == is_stopped
