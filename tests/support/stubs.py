"""A service that gives the answers that a test has for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from workshop.account import Account


@contextmanager
def stubbed(
    service: Any, session: boto3.Session | None = None
) -> Iterator[tuple[Account, Stubber]]:
    """An account in which one service is a stub; the others are those of the session."""
    session = session or boto3.Session("key", "secret", region_name="us-east-1")
    make = session.client
    with pytest.MonkeyPatch.context() as patch, Stubber(make(service)) as stub:
        patch.setattr(
            session, "client", lambda name, *_: stub.client if name == service else make(name)
        )
        yield Account(session, None), stub
