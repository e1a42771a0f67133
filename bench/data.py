"""The raw logs that the contestants read: simulated, the same on every machine, made once."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from workshop import seeding

END = date(2025, 6, 30)
DAYS = 30
RAW_BYTES_PER_EVENT = 836  # as measured
GB = 10**9
LENGTH_BYTES = 4


@dataclass(frozen=True)
class Logs:
    """A folder with raw logs, and how much is in it."""

    folder: Path
    files: int
    events: int
    raw_bytes: int
    gz_bytes: int


def logs(root: Path, size: str, progress: Callable[[str], None]) -> Logs:
    """Find or make simulated logs of a size.

    Args:
        root: the folder with all logs.
        size: GB of raw JSON, about, e.g. "1.3".
        progress: told from time to time how far it is.
    """
    events = round(float(size) * GB / RAW_BYTES_PER_EVENT)

    def write(folder: Path) -> None:
        seeding.to_folder(
            folder,
            seeding.Volume(END, DAYS, events),
            progress=lambda written: progress(f"{written.events:,} of {events:,} events"),
        )

    return _once(root / size, write)


def regrouped(source: Logs, files: int, progress: Callable[[str], None]) -> Logs:
    """Find or make a copy of the logs, the same events in another number of files of equal size."""

    def write(folder: Path) -> None:
        folder.mkdir()
        lines = _lines(source.folder)
        for number in range(files):
            limit = source.events * (number + 1) // files - source.events * number // files
            with gzip.open(folder / f"part-{number:05}.gz", "wb", compresslevel=6) as file:
                file.writelines(islice(lines, limit))
            progress(f"{number + 1:,} of {files:,} files")

    return _once(source.folder.with_name(f"{source.folder.name}-in-{files}-files"), write)


def _once(folder: Path, write: Callable[[Path], None]) -> Logs:
    """Make a folder of logs; what is known about it is written last, so it is there or is not."""
    facts = folder.with_name(f"{folder.name}.json")
    if not facts.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        write(folder)
        facts.write_text(json.dumps(_measure(folder), indent=2), "utf-8")
    return Logs(folder=folder, **json.loads(facts.read_text("utf-8")))


def _measure(folder: Path) -> dict[str, int]:
    paths = list(folder.rglob("*.gz"))
    raw_bytes = 0
    for path in paths:
        with path.open("rb") as file:  # gzip's last four bytes say how much went in
            file.seek(-LENGTH_BYTES, 2)
            raw_bytes += int.from_bytes(file.read(), "little")
    measured = Logs(
        folder=folder,
        files=len(paths),
        events=sum(1 for _ in _lines(folder)),
        raw_bytes=raw_bytes,
        gz_bytes=sum(path.stat().st_size for path in paths),
    )
    return {name: value for name, value in asdict(measured).items() if name != "folder"}


def _lines(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*.gz")):
        with gzip.open(path) as file:
            yield from file
