"""Commands as a person runs them, in a folder of their own, with nothing of Segment or AWS set."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.support import PROJECT
from workshop import console
from workshop.commands import app

KEYS = {
    "website-prod": "web-key-5up3r53cr3t",
    "android-prod": "android-key-5up3r53cr3t",
    "ios-prod": "ios-key-5up3r53cr3t",
}
EMAIL = {"email-prod": "email-key-5up3r53cr3t"}
FIRST = "2019-02-26"
NOTHING: Mapping[str, str] = {}


def variables(keys: dict[str, str]) -> dict[str, str]:
    """Write keys as environment variables."""
    return {f"SEGMENT_WRITE_KEY_{s.upper().replace('-', '_')}": key for s, key in keys.items()}


def _inherited() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SEGMENT_"))}


@dataclass
class Answer:
    """What a command has printed."""

    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass
class Shell:
    """Runs the command line in a folder; everything that it ever printed is in `printed`."""

    folder: Path
    printed: list[str] = field(default_factory=list)

    def run(self, *arguments: object, code: int = 0, env: Mapping[str, str] = NOTHING) -> Answer:
        """Run it in this process, as `python -m workshop` would, and expect its exit code."""
        out, err = io.StringIO(), io.StringIO()
        ended: int | str | None = 0
        with (
            mock.patch.dict(os.environ, {**_inherited(), **env}, clear=True),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["workshop", *map(str, arguments)])
            for terminal in (console.out, console.progress):
                patch.setattr(terminal, "_width", 200)
            handler = signal.getsignal(signal.SIGTERM)
            try:
                with redirect_stdout(out), redirect_stderr(err):
                    app.main()
            except SystemExit as stop:
                ended = stop.code
            finally:
                signal.signal(signal.SIGTERM, handler)
        answer = Answer(out.getvalue(), err.getvalue())
        self.printed += [answer.stdout, answer.stderr]
        assert (ended or 0) == code, f"exit code {ended}\n{answer.stdout}\n{answer.stderr}"
        return answer

    def start(self, *arguments: object, env: Mapping[str, str] = NOTHING) -> subprocess.Popen[str]:
        """Start it in a process and a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [sys.executable, "-m", "workshop", *map(str, arguments)],
            cwd=self.folder,
            env={**_inherited(), "COLUMNS": "200", "PYTHONPATH": str(PROJECT), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ended(self, process: subprocess.Popen[str], code: int) -> Answer:
        """Wait for a process, and expect its exit code."""
        answer = Answer(*process.communicate(timeout=240))
        self.printed += [answer.stdout, answer.stderr]
        assert process.returncode == code, f"{process.returncode}\n{answer.stderr}"
        assert "Traceback" not in answer.stderr, answer.stderr
        return answer
