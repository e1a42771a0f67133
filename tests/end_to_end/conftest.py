"""A checkout of its own, on a port of its own: what a person runs by hand can go on meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, new_checkout


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout in which nothing has run."""
    with new_checkout(tmp_path / "checkout") as copy:
        yield copy


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout that the tests of one module share."""
    with new_checkout(tmp_path_factory.mktemp("module") / "checkout") as copy:
        yield copy
