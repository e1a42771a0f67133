"""Measures one process of a contestant: how long it took, and its memory at most."""

import os
import shutil
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Self

import psutil

from bench import repeat
from bench.contestants import CORES, JOB, Contestant, job
from embedded_aws.spark import Finished, LogLine, ScriptRun
from workshop.errors import WorkshopError

SAMPLING_SECONDS = 0.05
LINES_KEPT = 1000
ERROR_LINES_SHOWN = 15


@dataclass(frozen=True)
class Measured:
    """One process: its seconds, those of each repetition in it, and its peak of memory.

    `finished` is false when it was ended because it was over the limit.
    """

    seconds: float
    repetitions: tuple[float, ...]
    peak_bytes: int
    finished: bool


class _PlainRun:
    """A script that runs without Spark, otherwise as `ScriptRun` does."""

    def __init__(self, script: Path, arguments: list[str], *, log: LogLine) -> None:
        self._log = log
        self._process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            env=os.environ | {"POLARS_MAX_THREADS": str(CORES)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def wait(self) -> Finished:
        output, errors = self._process.communicate()
        for line in output.splitlines():
            self._log("output", line)
        for line in errors.splitlines():
            self._log("error", line)
        return Finished(self._process.returncode, (errors.splitlines() or [""])[-1])

    def terminate(self) -> None:
        self._process.terminate()


def measure(
    contestant: Contestant,
    input_folder: Path,
    output: Path,
    *,
    repetitions: int,
    limit_seconds: float,
) -> Measured:
    """Run a contestant in a process of its own, in an output folder that is made empty first.

    Args:
        contestant: who.
        input_folder: the raw logs.
        output: the folder it writes to.
        repetitions: how often it does the work; the job's own script is the process when it is 1.
        limit_seconds: a process that takes longer is ended.

    Raises:
        WorkshopError: it failed.
    """
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    lines = {name: deque[str](maxlen=LINES_KEPT) for name in ("output", "error")}
    limited = Event()

    def end() -> None:
        limited.set()
        run.terminate()

    with _Memory() as memory:
        start = time.perf_counter()
        run = _start(
            contestant,
            input_folder.resolve(),
            output.resolve(),
            repetitions,
            lambda stream, line: lines[stream].append(line),
        )
        limit = Timer(limit_seconds, end)
        limit.start()
        try:
            finished = run.wait()
        except BaseException:
            run.terminate()
            run.wait()
            raise
        finally:
            limit.cancel()
        seconds = time.perf_counter() - start
    if not finished.succeeded and not limited.is_set():
        tail = "\n  ".join(list(lines["error"])[-ERROR_LINES_SHOWN:])
        raise WorkshopError(
            f"{contestant.title} failed: {finished.error_message}\n  {tail}",
            "Put that right, and go on with --resume",
        )
    words = [line.split() for line in lines["output"]]
    return Measured(
        seconds,
        tuple(float(line[1]) for line in words if line[:1] == [repeat.SECONDS]),
        memory.peak_bytes,
        finished.succeeded,
    )


def _start(
    contestant: Contestant, input_folder: Path, output: Path, repetitions: int, log: LogLine
) -> ScriptRun | _PlainRun:
    if contestant == JOB and repetitions == 1:
        script, arguments = job.SCRIPT, job.arguments(input_folder, output)
    else:
        script = Path(repeat.__file__)
        arguments = [contestant.module, str(input_folder), str(output), str(repetitions)]
        arguments += contestant.arguments
    if contestant.spark:
        return ScriptRun(script, arguments, settings=contestant.settings, log=log)
    return _PlainRun(script, arguments, log=log)


class _Memory:
    """Watches the resident memory of all processes below this one, while it is entered."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._ended = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._ended.wait(SAMPLING_SECONDS):
            total = 0
            for process in me.children(recursive=True):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:  # it has ended meanwhile
                    continue
            self.peak_bytes = max(self.peak_bytes, total)
