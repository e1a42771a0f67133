"""How fast and in how much memory: printed, and only what holds on every machine is asserted.

`pytest -m slow tests/segment/test_volume.py -s` shows the numbers.
"""

import os
import time

import psutil
import pytest

from tests.support.shell import FIRST, KEYS, Shell, variables
from tests.support.tracking_api import TrackingApi

SMALL, LARGE = 20_000, 100_000


@pytest.mark.slow
def test_memory_does_not_grow_with_the_volume(shell: Shell, segment: TrackingApi) -> None:
    """An engineer sends a month of a large shop from a small machine."""
    peaks = []
    for events in (SMALL, LARGE):
        segment.received.clear()
        start = time.monotonic()
        process = shell.start(
            *("send-events", "--from", FIRST, "--days", 20, "--events", events),
            *("--rate", 1_000_000, "--host", segment.url),
            env=variables(KEYS),
        )
        watched, peak, used = psutil.Process(process.pid), 0, 0.0
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
                times = watched.cpu_times()
                used = times.user + times.system
            except psutil.NoSuchProcess:
                break
            time.sleep(0.1)
        shell.ended(process, 0)
        seconds = time.monotonic() - start
        count = len(segment.received)
        assert len(segment.unique()) == count > 0.95 * events
        assert segment.refused == []
        peaks.append(peak)
        print(  # noqa: T201 - the measurement
            f"{count:,} events in {seconds:.1f} s: {count / seconds:,.0f} a second, "
            f"{used / count * 1e6:.0f} us of CPU each, at most {peak / 2**20:.0f} MiB; "
            f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )
    assert peaks[1] < 1.3 * peaks[0]
