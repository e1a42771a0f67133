"""Keeps what Java has found out about Spark's classes, so that each run of a job starts sooner.

Java loads some 15,000 classes before a job has read its first line. `make setup` runs a small job
once and archives them in the environment (`.venv`), by Java's class data sharing (CDS):
https://docs.oracle.com/en/java/javase/17/docs/specs/man/java.html
"""

import sys
import tempfile
from pathlib import Path

from embedded_aws.spark import QUICK_START, ScriptRun, archive, check_java
from workshop.console import INTERRUPTED, progress
from workshop.deployment import HELPER, SCRIPT
from workshop.errors import WorkshopError

_WITHOUT = "Jobs also run without the archive, and start about nine seconds later"
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
    progress.print("Archiving Spark's classes, once: each job will start about 9 seconds sooner")
    for old in kept.parent.glob("spark-*.jsa"):
        old.unlink(missing_ok=True)  # another set-up may do the same
    lines: list[str] = []
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        folder, made = Path(scratch), Path(scratch) / kept.name
        source = folder / "logs" / "records.json"
        source.parent.mkdir()
        source.write_text(_RECORDS, encoding="utf-8")
        arguments = {
            "JOB_NAME": "archive",
            "S3_JSON_INPUT_PATH": source.parent,
            "S3_CSV_OUTPUT_PATH": folder / "csv",
            "S3_REJECTED_PATH": folder / "rejected",
        }
        finished = ScriptRun(
            SCRIPT,
            [word for name, value in arguments.items() for word in (f"--{name}", str(value))],
            python_files=[HELPER],
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
        progress.print(f"No archive of Spark's classes. {error} {error.next_step}", soft_wrap=True)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
