"""The job's script, run again and again on small folders by its own door.

A Python and a Java process stay alive between the runs: starting Spark takes seconds, a run on a
few records a fraction of one.
"""

import gzip
import json
import os
import queue
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from embedded_aws.spark import QUICK_START, ScriptRun
from tests.support.reference import Rejected, Row

SCRIPT = Path(__file__).parents[2] / "glue_scripts" / "segment_events_to_csv.py"
HELPER = SCRIPT.with_name("segment_io.py")
HEADER = "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP"
HEADERS = {HEADER, f"{HEADER},EVENT_VALUE"}
DAY = "website-prod/1466467200000"  # 2016-06-21

_RUNNER = Path(__file__).with_name("repeating.py")
_SECONDS = 300  # for one run, on a busy machine


@dataclass(frozen=True)
class Folders:
    """The folders of a job's runs: what it reads, and what is there when it has run."""

    base: Path

    @property
    def source(self) -> Path:
        return self.base / "segment-logs"

    @property
    def target(self) -> Path:
        return self.base / "transformed"

    @property
    def rejected(self) -> Path:
        return self.base / "rejected"

    def arguments(self, **options: object) -> list[str]:
        """Make the arguments of a run; an option that is None is left out."""
        named = {
            "JOB_NAME": "test",
            "S3_JSON_INPUT_PATH": self.source,
            "S3_CSV_OUTPUT_PATH": self.target,
            "S3_REJECTED_PATH": self.rejected,
        } | options
        given = {name: value for name, value in named.items() if value is not None}
        return [word for name, value in given.items() for word in (f"--{name}", str(value))]

    def put(self, name: str, *members: str | bytes) -> Path:
        """Write an input file, in as many gzip members if its name says that it is gzipped."""
        file = self.source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        parts = [part.encode() if isinstance(part, str) else part for part in members]
        file.write_bytes(
            b"".join(map(gzip.compress, parts) if file.suffix.lower() == ".gz" else parts)
        )
        return file

    def csvs(self) -> list[Path]:
        """Everything in the output folder, in the order of its names."""
        return sorted(self.target.iterdir()) if self.target.exists() else []

    def csv_lines(self) -> list[str]:
        """Read the lines below the headers, file after file."""
        lines = []
        for file in self.csvs():
            header, *rows = file.read_bytes().decode().removesuffix("\n").split("\n")
            assert header in HEADERS
            lines += rows
        return lines

    def report(self) -> Path:
        """The folder that the last run wrote below the rejected path, with what it must have."""
        folder = max(self.rejected.iterdir())
        names = [file.name for file in folder.iterdir() if file.name != "accounting.json"]
        assert all(re.fullmatch(r"part-.*\.json", name) for name in names), names
        return folder

    def accounting(self) -> dict[str, Any]:
        """Read the counts of the last run, each as often as it stands there."""
        text = (self.report() / "accounting.json").read_text(encoding="utf-8")
        counts: dict[str, Any] = json.loads(text)
        return counts

    def rejected_records(self) -> list[Rejected]:
        """Read what the last run rejected, by reason, file and text."""
        lines = [
            line
            for part in self.report().glob("part-*.json")
            for line in part.read_bytes().decode().removesuffix("\n").split("\n")
            if line
        ]
        records = [json.loads(line) for line in lines]
        assert all(list(record) == ["reason", "file", "text"] for record in records)
        found = [(r["reason"], Path(unquote(urlsplit(r["file"]).path)), r["text"]) for r in records]
        return sorted(found, key=str)


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the exception that it raised, or "", and what it printed."""

    error: str
    output: list[str]


class LiveJob:
    """A process that runs the job's script as often as it is asked to.

    Args:
        settings: settings of Spark.
        environment: variables that the process sets before Spark starts.
    """

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._log: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            pipe = Path(folder) / "requests"
            os.mkfifo(pipe)
            # For reading too: so opening it waits for nobody. The process leaves at its end.
            descriptor = os.open(pipe, os.O_RDWR | os.O_CLOEXEC)
            self._requests = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)
            self._run = ScriptRun(
                _RUNNER,
                [str(pipe), json.dumps(dict(environment or {}))],
                python_files=[HELPER],
                java_options=QUICK_START,
                settings={"spark.sql.shuffle.partitions": "2"} | dict(settings or {}),
                log=self._read,
            )
            self._ask("/dev/null")  # the process has opened the pipe

    def run(self, folders: Folders, **options: object) -> Outcome:
        """Run the script, or another one, on the folders."""
        script = options.pop("script", SCRIPT)
        error, output = self._ask(str(script), *folders.arguments(**options))
        return Outcome(error, output.splitlines())

    def close(self) -> None:
        """End the process, and Java with it."""
        self._requests.close()
        try:
            self._run.wait(10)
        except subprocess.TimeoutExpired:
            self._run.terminate()
            self._run.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, *request: str) -> tuple[str, str]:
        self._requests.write(json.dumps(request) + "\n")
        for _ in range(_SECONDS):
            try:
                error, output = json.loads(self._answers.get(timeout=1))
            except queue.Empty:
                if self._run.ended():
                    break
            else:
                return error, output
        raise AssertionError("\n".join(["The job does not answer:", *self._log[-50:]]))

    def _read(self, _stream: str, line: str) -> None:
        if line.startswith("ANSWER "):
            self._answers.put(line.removeprefix("ANSWER "))
        else:
            self._log.append(line)


def csv_lines_of(rows: Iterable[Row]) -> list[str]:
    """Write rows as RFC 4180 has them, with quotes only where they are needed."""

    def quoted(text: str) -> str:
        needed = any(character in text for character in ',"\r\n')
        return '"' + text.replace('"', '""') + '"' if needed else text

    return [
        ",".join([*map(quoted, (user, item, event)), str(seconds), *value])
        for seconds, user, item, event, *value in rows
    ]
