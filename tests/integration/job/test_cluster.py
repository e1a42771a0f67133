"""The job on several machines' worth of processes: a master, two workers, an executor on each."""

import json
import secrets
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pyspark
import pytest

from embedded_aws.spark import QUICK_START
from tests.support.live_job import Folders, LiveJob, csv_lines_of
from tests.support.reference import transform

pytestmark = pytest.mark.slow

SPARK_HOME = Path(pyspark.__file__).parent
EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"


class Watch(threading.Thread):
    """Notes the executors below this process and what all processes below it listen on."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.executors: dict[int, psutil.Process] = {}
        self.addresses: set[str] = set()
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.3):
            for process in psutil.Process().children(recursive=True):
                try:
                    self._look(process)
                except psutil.Error:  # it has ended
                    continue

    def _look(self, process: psutil.Process) -> None:
        if EXECUTOR in process.cmdline():
            self.executors[process.pid] = process
        sockets = process.net_connections()
        self.addresses |= {s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN}

    def stop(self) -> None:
        self._end.set()
        self.join()


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    watch.start()
    yield watch
    watch.stop()


def test_the_job_on_a_cluster_does_what_it_does_in_one_process(
    folders: Folders, watch: Watch, tmp_path: Path
) -> None:
    """A job that runs in the rehearsal could fail or lose rows on Glue's workers."""
    for source in range(6):
        records = [
            {
                "messageId": f"{n}",
                "event": "Order Completed",
                "userId": f"user {n % 97}",
                "timestamp": f"2016-06-{n % 28 + 1:02}T10:00:{source:02}.5+02:00",
                "properties": {"products": [{"sku": f"sku {n % 89}"}, {"sku": source}]},
            }
            for n in range(source * 100, source * 100 + 200)  # half of them in the next file too
        ]
        text = "".join(json.dumps(record) + "\n" for record in records)
        folders.put(f"source-{source}/1466467200000/a.gz", text + "{\n")
    more = text.replace('"messageId": "', '"messageId": "more ')
    broken = folders.put("source-0/1466467200000/broken.gz", more)
    broken.write_bytes(broken.read_bytes()[:-4])
    expected = transform(folders.source, datetime.now(UTC))

    home = tmp_path / "spark"  # where the workers work, so not in the installed package
    home.mkdir()
    for name in ("bin", "jars"):
        (home / name).symlink_to(SPARK_HOME / name)
    cluster = {
        "spark.master": "local-cluster[2,1,1024]",
        "spark.executor.extraJavaOptions": QUICK_START,
        "spark.authenticate.secret": secrets.token_hex(),  # in one process Spark makes its own
    }
    with LiveJob(cluster, {"SPARK_HOME": str(home)}) as job:
        outcome = job.run(folders, MAX_ROWS_PER_FILE=300)

    assert outcome.error == ""
    assert folders.csv_lines() == csv_lines_of(expected.rows)
    assert len(folders.csvs()) > 1
    assert folders.accounting() == expected.accounting
    assert folders.rejected_records() == sorted(expected.rejected, key=str)
    assert folders.accounting()["duplicates"] == 500
    assert folders.accounting()["rejected"]["truncated gzip"] == 1
    assert sorted(path.name for path in folders.base.iterdir()) == sorted(
        ["rejected", "segment-logs", "spark", "transformed"]
    )
    assert len(watch.executors) == 2
    assert not any(executor.is_running() for executor in watch.executors.values())
    assert watch.addresses
    assert watch.addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
