"""An embedded AWS that runs is never forgotten: not at another port, not for another copy."""

from pathlib import Path

import pytest

from embedded_aws import server
from embedded_aws.server import EmbeddedAws
from tests.support.checkout import Checkout, free_port, owner_of
from workshop.errors import WorkshopError

pytestmark = pytest.mark.slow


def test_down_at_the_wrong_port_changes_nothing(fresh: Checkout) -> None:
    """The running server would lose its state file: nothing could stop it any more."""
    with owner_of(fresh.server):
        state = (fresh.path / "build" / "local" / "server.json").read_text()
        other = f"http://127.0.0.1:{free_port()}"
        for command in ("down", "up"):
            error = fresh.run(
                command, *(["--yes"] if command == "down" else []), code=1, AWS_ENDPOINT_URL=other
            ).stderr
            assert f"PORT={fresh.port}" in error
        assert (fresh.path / "build" / "local" / "server.json").read_text() == state
        assert fresh.server.running()
        assert "nothing to do" not in fresh.run("down", "--yes").stdout
        assert not fresh.port_is_open()


def test_down_does_not_take_another_folder_s_for_stopped(fresh: Checkout, tmp_path: Path) -> None:
    """`make down` would say that nothing runs, beside a server that answers."""
    elsewhere = EmbeddedAws(tmp_path / "elsewhere", fresh.port)
    elsewhere.start()
    try:
        error = fresh.run("down", "--yes", code=1).stderr
        assert f"port {fresh.port}" in error
        assert elsewhere.running()
    finally:
        elsewhere.stop()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`did not start: it said nothing` tells nobody to free some space."""
    monkeypatch.setattr(server, "LEAST_FREE_BYTES", 2**62)
    monkeypatch.setattr(EmbeddedAws, "module", "there_is_no_such_module")
    with pytest.raises(WorkshopError, match="disk is full"):
        EmbeddedAws(tmp_path / "aws", free_port()).start()
