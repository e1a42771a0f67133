"""The raw logs that the contestants read: simulated, the same on every machine, made once."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from stacks.bucket_contents.simulated_shop import log_files
from workshop import seeding

END, DAYS = date(2025, 6, 30), 30
RAW_BYTES_PER_EVENT = 836  # as measured
GB = 10**9


@dataclass(frozen=True)
class Logs:
    """A folder with raw logs, and how much is in it."""

    folder: Path
    files: int
    events: int
    raw_bytes: int
    gz_bytes: int

    def facts(self) -> dict[str, int]:
        """The numbers, by name."""
        return {name: value for name, value in asdict(self).items() if name != "folder"}


def simulated(root: Path, size: str) -> Logs:
    """Find or make simulated logs of about `size` GB of raw JSON, e.g. "1.3"."""
    logs = log_files(END, DAYS, round(float(size) * GB / RAW_BYTES_PER_EVENT))
    return _once(
        root / size, lambda folder: seeding.to_folder(folder, logs, progress=lambda _: None)
    )


def regrouped(source: Logs, files: int) -> Logs:
    """Find or make a copy of the logs, the same events in another number of files of equal size."""

    def write(folder: Path) -> None:
        folder.mkdir()
        lines = _lines(source.folder)
        for number in range(files):
            limit = source.events * (number + 1) // files - source.events * number // files
            with gzip.open(folder / f"part-{number:05}.gz", "wb", compresslevel=6) as file:
                file.writelines(islice(lines, limit))

    return _once(source.folder.with_name(f"{source.folder.name}-in-{files}-files"), write)


def _once(folder: Path, write: Callable[[Path], object]) -> Logs:
    """Make a folder of logs, unless its facts, which are written last, exist."""
    facts = folder.with_name(f"{folder.name}.json")
    if not facts.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        write(folder)
        paths = list(folder.rglob("*.gz"))
        lengths = [len(line) for line in _lines(folder)]
        zipped = sum(path.stat().st_size for path in paths)
        found = Logs(folder, len(paths), len(lengths), sum(lengths), zipped)
        facts.write_text(json.dumps(found.facts()), "utf-8")
    return Logs(folder, **json.loads(facts.read_text("utf-8")))


def _lines(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*.gz")):
        with gzip.open(path) as file:
            yield from file
