"""Keeps what Java has found out about Spark's classes, so that each run of a job starts sooner.

Java loads some 15,000 classes before a job has read its first line. `make setup` runs a small job
once and archives them in the environment (`.venv`), by Java's class data sharing (CDS):
https://docs.oracle.com/en/java/javase/17/docs/specs/man/java.html
"""

import sys
import tempfile
from pathlib import Path

from embedded_aws.spark import QUICK_START, ScriptRun, archive, check_java
from workshop.errors import WorkshopError

_SCRIPTS = Path(__file__).parent.parent / "glue_scripts"
_WITHOUT = "Jobs run without the archive, too, and start some 8 seconds later"
# One record is kept, one filtered, one rejected: all that the job does.
_RECORDS = """\
{"event": "Product Clicked", "userId": "a", "timestamp": "2016-06-21T10:00:45Z", "properties": \
{"products": [{"sku": 1.5}]}}
{"event": "Product Viewed"}
{
"""


def make() -> None:
    """Make the archive, unless there is one for this Java and this Spark.

    Raises:
        WorkshopError: there is no Java that Spark can run on, or the job failed.
    """
    kept = archive(check_java())
    if kept.exists():
        return
    print("Archiving Spark's classes, once: each job will start some 8 seconds sooner", flush=True)
    for old in kept.parent.glob("spark-*.jsa"):
        old.unlink()
    lines: list[str] = []
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        folder, made = Path(scratch), Path(scratch) / kept.name
        source = folder / "logs" / "records.json"
        source.parent.mkdir()
        source.write_text(_RECORDS, encoding="utf-8")
        paths = {
            "S3_JSON_INPUT_PATH": source.parent,
            "S3_CSV_OUTPUT_PATH": folder / "csv",
            "S3_REJECTED_PATH": folder / "rejected",
        }
        given = {"JOB_NAME": "archive", **paths}
        finished = ScriptRun(
            _SCRIPTS / "segment_events_to_csv.py",
            [word for name, value in given.items() for word in (f"--{name}", str(value))],
            python_files=[_SCRIPTS / "segment_io.py"],
            java_options=f'{QUICK_START} "-XX:ArchiveClassesAtExit={made}"',
            log=lambda _stream, line: lines.append(line),
        ).finish()
        if not finished.succeeded or not made.exists():
            raise WorkshopError("\n".join([*lines[-20:], "The job failed: see above."]), _WITHOUT)
        made.replace(kept)


if __name__ == "__main__":
    try:
        make()
    except WorkshopError as error:  # what needs no Java can be done; `make up` asks for it
        print(f"No archive of Spark's classes. {error} {error.next_step}", file=sys.stderr)
