"""What the embedded AWS needs of MiniStack: one module knows, and checks it at the start."""

from pathlib import Path

import pytest

from embedded_aws import hooks
from tests.support.checkout import free_port
from tests.support.other_ministack import OtherVersion
from workshop.errors import WorkshopError


def test_another_ministack_is_said_in_one_sentence(tmp_path: Path) -> None:
    """After an update you would look for the cause in a traceback of the first query."""
    with pytest.raises(WorkshopError) as refused:
        OtherVersion(tmp_path / "aws", free_port()).start()
    message = str(refused.value)
    assert "made for MiniStack 9.9.9" in message
    assert hooks.VERSION in message
    assert "ministack.services.glue._gone" in message
    assert "\n" not in message


def test_the_locked_ministack_has_every_name() -> None:
    """The embedded AWS would not start."""
    hooks.check()
