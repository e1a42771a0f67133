"""A checkout of its own, on a port of its own: what a person runs by hand can go on meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, new_account, new_checkout, signed_in
from tests.support.cloud import Cloud, Template
from tests.support.failing_aws import Failing
from tests.support.templates import event_template


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


@pytest.fixture
def cloud(server: Failing) -> Iterator[Cloud]:
    """An account with nothing in it, before and after."""
    account = new_account()
    with signed_in(server, account) as session:
        cloud = Cloud(server, session, account)
        yield cloud
        assert cloud.left() == []


@pytest.fixture
def template() -> Template:
    """The template for events."""
    return event_template()
