"""Delivers calls through Segment's own Python client, and knows what has arrived.

The client tells nobody what was delivered, drops messages when its queue is full, and drops a
batch that it was asked to send later when the queue has filled up meanwhile. So its consumer,
which does all the work (batches, compression, retries, waiting when told to), gets a queue without
a limit, and this module counts what is under way.
"""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

from requests import Response, Session
from segment.analytics import request
from segment.analytics.consumer import Consumer

from workshop.account import LOOPBACK
from workshop.errors import Left
from workshop.segment.events import EMAIL_SOURCE, Call, Period, calls
from workshop.segment.messages import message
from workshop.steps import Steps

# Messages handed over and not yet answered for: what bounds the memory.
UNDER_WAY = 4_000
# About 250 KB of the 500 KB, and 250 of the 2,500 messages, that Segment takes in one request.
BATCH = 250
CONNECTIONS = 2  # of each source
_STEP = 50  # messages between two looks at the clock
_Message = dict[str, Any]


@dataclass
class Outcome:
    """How many messages were delivered or not, by source.

    Attributes:
        delivered: taken by Segment.
        failed: given up by the client.
        error: why the first one failed; sending has stopped there.
    """

    delivered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    error: str | None = None

    def __str__(self) -> str:
        shown = [
            f"{count.total():,} {what} "
            f"({', '.join(f'{source} {number:,}' for source, number in sorted(count.items()))})"
            for what, count in (("delivered", self.delivered), ("failed", self.failed))
            if count
        ]
        return ", ".join(shown) or "0 delivered"


class _Session(Session):
    """What Segment's client sends with: the write keys go to the chosen host, and no further."""

    def __init__(self, host: str) -> None:
        super().__init__()
        # A proxy would get the keys of a request to this machine in clear text.
        self.trust_env = urlsplit(host).hostname not in LOOPBACK
        # As it is: else what ~/.netrc has takes the place of the write key.
        self.auth = lambda prepared: prepared

    def get_redirect_target(self, resp: Response) -> None:
        """Follow no redirect: the client reports one as an error."""


class _Confirming(Consumer):  # type: ignore[misc]  # the client has no types
    """Segment's consumer, which also says what it has delivered."""

    def __init__(self, confirm: Callable[[list[_Message]], None], **settings: Any) -> None:  # noqa: ANN401 - the client's own
        super().__init__(**settings)
        self._confirm = confirm

    def request(self, batch: list[_Message]) -> Any:  # noqa: ANN401 - the client's own
        answer = super().request(batch)
        self._confirm(batch)
        return answer


class Delivery:
    """Sends messages to sources until one of them cannot be delivered; a context manager.

    Attributes:
        outcome: counts, kept up to date.
    """

    def __init__(self, host: str, keys: Mapping[str, str], *, retries: int) -> None:
        """Connect.

        Args:
            host: Segment's base URL.
            keys: write keys by source.
            retries: how often the client tries again before it gives a batch up, after 0, 0.5, 1,
                2 and so on to 60 seconds.
        """
        request._session = _Session(host)  # noqa: SLF001 - the client has no setting for it
        self.outcome = Outcome()
        self._keys = keys
        self._under_way = 0
        self._changed = threading.Condition()
        self._queues: dict[str, queue.Queue[_Message]] = {source: queue.Queue() for source in keys}
        self._consumers = [
            _Confirming(
                partial(self._account, self.outcome.delivered, source),
                queue=self._queues[source],
                write_key=key,
                host=host,
                gzip=True,
                upload_size=BATCH,
                retries=retries,
                on_error=partial(self._failed, source),
            )
            for source, key in keys.items()
            for _ in range(CONNECTIONS)
        ]

    def __enter__(self) -> Self:
        # The client logs what it sends, and errors that are told here anyway.
        logging.getLogger("segment").disabled = True
        for consumer in self._consumers:
            consumer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let what is being posted end, and send nothing more."""
        for consumer in self._consumers:
            consumer.pause()
        for consumer in self._consumers:
            consumer.join()

    def send(self, source: str, message: _Message) -> bool:
        """Hand a message over, when there is room; return false once something has failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < UNDER_WAY or self.outcome.error)
            if self.outcome.error:
                return False
            self._under_way += 1
        self._queues[source].put(message)
        return True

    def finish(self, progress: Callable[[], None]) -> None:
        """Wait until all is delivered, or something has failed."""
        with self._changed:
            while not self._changed.wait_for(
                lambda: not self._under_way or self.outcome.error, timeout=0.2
            ):
                progress()

    def _failed(self, source: str, error: Exception, batch: list[_Message]) -> None:
        text = str(error) or type(error).__name__
        for key in self._keys.values():
            text = text.replace(key, "***")
        self._account(self.outcome.failed, source, batch, f"{source}: {text}")

    def _account(
        self,
        count: Counter[str],
        source: str,
        batch: list[_Message],
        error: str | None = None,
    ) -> None:
        with self._changed:
            count[source] += len(batch)
            self.outcome.error = self.outcome.error or error
            self._under_way -= len(batch)
            self._changed.notify_all()


def paced(calls: Iterable[Call], rate: int, progress: Callable[[], None]) -> Iterator[Call]:
    """Yield no more than `rate` calls a second, without a burst after a pause."""
    due = time.monotonic()
    for number, call in enumerate(calls, 1):
        if number % _STEP == 0:
            now = time.monotonic()
            due = max(due + _STEP / rate, now)
            time.sleep(due - now)
            progress()
        yield call


def deliver(
    calls: Iterable[Call], delivery: Delivery, *, rate: int, progress: Callable[[], None]
) -> None:
    """Send every call, and wait until all have arrived.

    Args:
        calls: what to send, each once.
        delivery: where to.
        rate: messages a second, at most.
        progress: called now and then, on this thread.
    """
    for call in paced(calls, rate, progress):
        if not delivery.send(call.source, message(call)):
            break
    delivery.finish(progress)


def send(period: Period, host: str, keys: Mapping[str, str], *, rate: int, retries: int) -> Outcome:
    """Send a period's calls, and show how many have arrived.

    Args:
        period: the days.
        host: see `Delivery`.
        keys: see `Delivery`; emails are among the calls if there is a key for them.
        rate: see `deliver`.
        retries: see `Delivery`.

    Raises:
        Left: it was interrupted.
    """
    delivery = Delivery(host, keys, retries=retries)
    outcome = delivery.outcome
    try:
        with Steps().step("Events") as step:
            with delivery:
                happened = calls(period, email=EMAIL_SOURCE in keys)
                deliver(happened, delivery, rate=rate, progress=lambda: step.update(str(outcome)))
            step.passed = outcome.error is None
            step.result = str(outcome)
    except KeyboardInterrupt as interrupt:
        raise Left(
            f"{outcome}. Run the same command again to send the rest: Segment drops what it has "
            "already."
        ) from interrupt
    return outcome
