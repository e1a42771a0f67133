"""Keeps the processes that compute for the embedded Athena, and ends those that must stop."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from embedded_aws.athena.errors import QueryFailedError, QueryStoppedError
from workshop.processes import inherited_environment

TIMEOUT, CANCELLED = "Query timeout", "Query was cancelled by user"
_KEPT = 2


class _Worker:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "embedded_aws.athena.engine"],
            cwd=Path(__file__).parents[2],
            env=inherited_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any] | None:
        """Its answer; None where it ended before it gave one."""
        assert self._process.stdin is not None  # noqa: S101 - PIPE
        assert self._process.stdout is not None  # noqa: S101 - PIPE
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (OSError, json.JSONDecodeError):
            self.kill()
            return None
        return answer

    def waits(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, whatever it computes."""
        self._process.kill()
        self._process.wait()


class Workers:
    """The processes: as many as there are jobs at once, a few of them kept for the next ones.

    They start at once: the first query does not wait for them.
    """

    def __init__(self) -> None:
        self._idle = [_Worker() for _ in range(_KEPT)]
        self._lock = threading.Lock()

    def take(self) -> _Worker:
        """A process that does nothing."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.waits():
                    return worker
            return _Worker()

    def give_back(self, worker: _Worker) -> None:
        """Keep a process for another job, or end it."""
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append(worker)
                return
        worker.kill()

    def end(self) -> None:
        """End the processes that wait for a job."""
        while self._idle:
            self._idle.pop().kill()


class RunningQuery:
    """The processes that compute for one query.

    Args:
        workers: where they come from.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._busy: set[_Worker] = set()
        self._stopped = ""
        self._timer: threading.Timer | None = None

    def limit(self, seconds: float) -> None:
        """Stop it by itself after some time from now on."""
        self._timer = threading.Timer(seconds, self.stop, [TIMEOUT])
        self._timer.daemon = True
        self._timer.start()

    def run(self, **job: Any) -> dict[str, Any]:
        """Let a process do a job.

        Raises:
            QueryFailedError: it could not.
            QueryStoppedError: the query was stopped.
        """
        with self._lock:
            self._check()
            worker = self._workers.take()
            self._busy.add(worker)
        answer = worker.ask(job)
        with self._lock:
            self._busy.discard(worker)
            if answer is not None:
                self._workers.give_back(worker)
            self._check()
        if answer is None:
            raise QueryFailedError("Query exhausted resources at this scale factor")
        if "reason" in answer:
            raise QueryFailedError(answer["reason"])
        return answer

    def run_all(self, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Let a process do each of several jobs, all at once; raises as `run` does."""
        with ThreadPoolExecutor(max(1, len(jobs))) as threads:
            return list(threads.map(lambda job: self.run(**job), jobs))

    def _check(self) -> None:
        if self._stopped:
            raise QueryStoppedError(self._stopped)

    def stop(self, reason: str) -> None:
        """End its processes."""
        with self._lock:
            self._stopped = self._stopped or reason
            for worker in self._busy:
                worker.kill()

    def end(self) -> None:
        """The query has an end, whichever."""
        if self._timer:
            self._timer.cancel()
