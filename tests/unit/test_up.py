"""What `up` does with the embedded AWS that it has started, when something fails."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.shell import Shell
from workshop import deployment, job, rehearsal, summary
from workshop.commands.context import Context
from workshop.environment import Environment
from workshop.errors import WorkshopError

FAILED = WorkshopError("The job run jr_1 is FAILED", "Read the log: workshop logs jr_1")
DEPLOYED = Environment("One", "arn", "CREATE_COMPLETE", {"JobName": "one"})


class Server:
    """An embedded AWS that starts at once."""

    endpoint = "http://127.0.0.1:4566"

    def __init__(self, *, runs: bool = False) -> None:
        self.runs = runs
        self.is_stopped = False

    def start(self) -> bool:
        return not self.runs

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

    monkeypatch.setattr("embedded_aws.spark.check_java", succeed)
    monkeypatch.setattr(deployment, "bootstrap", succeed)
    monkeypatch.setattr(deployment, "deploy", fail if failing == "deploy" else succeed)
    monkeypatch.setattr(rehearsal, "find", lambda *_: DEPLOYED)
    monkeypatch.setattr(summary, "gather", fail)
    server = Server()
    with pytest.raises(type(error)):
        rehearsal.up(None, "One", [], server)  # type: ignore[arg-type]
    assert server.is_stopped == is_stopped


@pytest.mark.parametrize("continues", [True, False])
def test_an_interrupted_up_says_what_becomes_of_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, continues: bool
) -> None:
    """A run that goes on costs money, and the next `up` would find it under way."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def gather(*_: object) -> None:
        job.run(there, DEPLOYED, None)  # type: ignore[arg-type]

    server = Server(runs=continues)
    monkeypatch.setattr("embedded_aws.spark.check_java", lambda: None)
    monkeypatch.setattr(deployment, "bootstrap", lambda *_: True)
    monkeypatch.setattr(deployment, "deploy", lambda *_: None)
    monkeypatch.setattr(summary, "gather", gather)
    monkeypatch.setattr(job, "start", lambda *_: "jr_1")
    session = SimpleNamespace(client=interrupt)  # Ctrl-C comes while Glue is asked
    there = SimpleNamespace(port=4777, session=session)
    monkeypatch.setattr(rehearsal, "find", lambda *_: DEPLOYED)
    for name, value in {"server": server, "account": there}.items():
        monkeypatch.setattr(Context, name, value)
    said = Shell(tmp_path).run("up", "--local", 4777, code=130).stderr
    assert "Interrupted." in said
    assert ("The run jr_1 continues in Glue" in said) == continues
    assert ("Follow it: workshop --local 4777 run-job --attach" in said) == continues
    assert server.is_stopped != continues
