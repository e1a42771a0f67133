"""Measures one process of a contestant: how long it took, and its memory at most."""

import contextlib
import shutil
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import contestants
from bench.contestants import CORES
from embedded_aws.spark import ScriptRun
from workshop.errors import WorkshopError

SAMPLING_SECONDS = 0.05
LINES_KEPT = 1000
ERROR_LINES_SHOWN = 15


@dataclass(frozen=True)
class Sample:
    """One process: its seconds, those of each repetition in it, and its peak of memory."""

    process_seconds: float
    seconds: list[float]
    peak_bytes: int


def measure(
    name: str, input_folder: Path, output: Path, repetitions: int, limit_seconds: float
) -> Sample | None:
    """Run a contestant in a process of its own, in an output folder that is made empty first.

    Returns:
        The sample; None when the process was over the limit, and was ended.

    Raises:
        WorkshopError: it failed.
    """
    contestant = (contestants.CONTESTANTS | contestants.VARIANTS)[name]
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    lines = {name: deque[str](maxlen=LINES_KEPT) for name in ("output", "error")}
    folders = (str(input_folder.resolve()), str(output.resolve()))
    peak_bytes = 0
    start = time.perf_counter()
    run = ScriptRun(
        Path(contestants.__file__),
        [name, *folders, str(repetitions), *contestant.arguments],
        settings={"spark.master": f"local[{CORES}]", **contestant.settings},
        log=lambda stream, line: lines[stream].append(line),
    )
    try:
        while not run.ended():
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(SAMPLING_SECONDS)
            peak_bytes = max(peak_bytes, _memory())
            if time.perf_counter() - start > limit_seconds:
                return None
        finished = run.wait()
        process_seconds = time.perf_counter() - start
    finally:
        run.terminate()
        run.wait()
    if not finished.succeeded:
        tail = "\n  ".join(list(lines["error"])[-ERROR_LINES_SHOWN:])
        raise WorkshopError(
            f"{contestant.title} failed: {finished.error_message}\n  {tail}",
            "Fix it, and measure again",
        )
    words = [line.split() for line in lines["output"]]
    seconds = [float(line[1]) for line in words if line[:1] == ["SECONDS"]]
    return Sample(process_seconds, seconds, peak_bytes)


def _memory() -> int:
    """The resident memory of all processes below this one, in bytes."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            total += process.memory_info().rss
    return total
