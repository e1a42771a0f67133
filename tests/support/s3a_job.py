"""The job on a stack's bucket through S3A, as Glue 6.0 runs it, with much to write."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import PROJECT
from tests.support.live_job import DAY, HELPER, SCRIPT, Folders, LiveJob, Outcome
from tests.support.participant import BUCKET, JOB
from tests.support.recording import Recording

ROWS_PER_FILE = 500
RUN = f"""
import json, sys
from pathlib import Path
from embedded_aws.spark import QUICK_START, ScriptRun
run = ScriptRun(
    Path({str(SCRIPT)!r}),
    sys.argv[2:],
    python_files=[Path({str(HELPER)!r})],
    java_options=QUICK_START,
    settings=json.loads(Path(sys.argv[1]).read_text()),
    log=lambda _, line: print(line, file=sys.stderr),
)
sys.exit(run.finish().error_message or 0)
"""


@dataclass(frozen=True)
class Bucket:
    """The stack's data bucket, as its owner sees it."""

    s3: Any
    folders: Folders  # the input as files, for the reference

    def fill(self, folders: Folders) -> None:
        """Upload the input."""
        for file in filter(Path.is_file, folders.source.rglob("*")):
            key = f"segment-logs/{file.relative_to(folders.source).as_posix()}"
            self.s3.upload_file(str(file), BUCKET, key)

    def keys(self, prefix: str) -> list[str]:
        """The keys of the objects whose key starts with the prefix."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in found]

    def lines(self, key: str) -> list[str]:
        """Read an object's lines."""
        body = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        return list(body.removesuffix("\n").split("\n"))

    def csv(self) -> dict[str, list[str]]:
        """Everything in the output folder: lines by key."""
        return {key: self.lines(key) for key in self.keys("transformed/")}

    def unfinished(self) -> list[str]:
        """The keys of unfinished uploads."""
        uploads = self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return [upload["Key"] for upload in uploads]

    def leftovers(self) -> list[str]:
        """What there is beside input, output and report: staged objects, unfinished uploads."""
        own = tuple(f"{folder}/" for folder in ("segment-logs", "transformed", "rejected"))
        return [key for key in self.keys("") if not key.startswith(own)] + self.unfinished()


@dataclass(frozen=True)
class Glue:
    """The job as Glue 6.0 runs it, as often as it is asked to, in one Spark."""

    job: LiveJob
    settings: dict[str, str]
    arguments: dict[str, str]
    recording: Recording
    bucket: Bucket

    def run(self, **options: object) -> Outcome:
        """Run the script with the job's own arguments, and these."""
        return self.job.run(self.bucket.folders, **self._given(options))

    def start(self, scratch: Path, **options: object) -> subprocess.Popen[bytes]:
        """Start a run in a process group of its own, which one signal ends."""
        (scratch / "settings.json").write_text(json.dumps(self.settings), encoding="utf-8")
        words = self.bucket.folders.arguments(**self._given(options))
        return subprocess.Popen(
            [sys.executable, "-c", RUN, str(scratch / "settings.json"), *words],
            cwd=PROJECT,
            env=os.environ | {"TMPDIR": str(scratch)},
            start_new_session=True,
        )

    def _given(self, options: dict[str, object]) -> dict[str, object]:
        return {"JOB_NAME": JOB, "MAX_ROWS_PER_FILE": ROWS_PER_FILE} | self.arguments | options


def fill(folders: Folders) -> None:
    """Write input of every kind, more than a part's worth of it rejected."""
    for number in range(4):
        records = [
            {
                "messageId": f"{n % 1900}",  # some of them twice
                "event": "Product Viewed" if n % 10 == 0 else "Product Clicked",
                "userId": f"user {n % 97}",
                "timestamp": f"2016-06-{n % 28 + 1:02}T10:00:{n % 60:02}Z",
                "properties": {"sku": f"sku {n % 89}"},
            }
            for n in range(number, 2000, 4)
        ]
        folders.put(f"{DAY}/{number}.gz", "".join(json.dumps(r) + "\n" for r in records))
    folders.put(f"{DAY}/not json {{a,b}} %20.gz", ("x" * 5000 + "\n") * 1200)
    whole = folders.put(f"{DAY}/truncated.gz", '{"event": "Product Clicked"}\n' * 1000)
    whole.write_bytes(whole.read_bytes()[:-20])


def abort(bucket: Bucket) -> None:
    """Do what the bucket's rule does after a day."""
    for upload in bucket.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
        bucket.s3.abort_multipart_upload(
            Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"]
        )
    assert bucket.unfinished() == []
