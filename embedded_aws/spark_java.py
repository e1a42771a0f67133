"""Keeps Spark's Java process from one run of a job for the next, which then starts sooner.

A run on few records is mostly start: Java loads and compiles the same classes again and again. Each
run has a Python process and a Spark context of its own; only Java itself goes on.
"""

import secrets
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread
from typing import IO, Literal

from py4j.clientserver import ClientServer, JavaParameters, PythonParameters
from py4j.protocol import Py4JError

from embedded_aws.spark import QUICK_START, SPARK_HOME, LogLine, configure, environment, submit
from workshop.errors import WorkshopError

_POLL_SECONDS = 0.05
_END_SECONDS = 10
_LINES_SHOWN = 5


class SparkJava:
    """Spark's Java process, which waits for the Python process of a script, and then for the next.

    Args:
        settings: settings of Spark, the same for all scripts.

    Attributes:
        folder: the working directory of Java and of every script; emptied after each.
        settings: as given.

    Raises:
        WorkshopError: there is no Java to run Spark with, or it did not start.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        self._scratch = Path(tempfile.mkdtemp(prefix="spark-java-"))
        self.folder = self._scratch / "work"
        self.folder.mkdir()
        tables = {"spark.sql.warehouse.dir": (self.folder / "warehouse").as_uri()}
        configure(self._scratch, QUICK_START, {**tables, **settings})
        connection = self._scratch / "connection"
        self._process = subprocess.Popen(
            [str(SPARK_HOME / "bin" / "spark-submit"), *submit(self._scratch)],
            env=environment(self._scratch) | {"_PYSPARK_DRIVER_CONN_INFO_PATH": str(connection)},
            cwd=self.folder,
            stdin=subprocess.PIPE,  # Java ends when nobody holds the other end any more
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        lines: list[str] = []
        self._log: LogLine = lambda _stream, line: lines.append(line)
        # Java writes this on both streams when a script has ended: all before it is its own.
        self._marker = secrets.token_hex()
        self._marked = {"output": Event(), "error": Event()}
        self._readers = [
            Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("output", self._process.stdout), ("error", self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()
        while not connection.exists():
            if self._process.poll() is not None:
                self.end()
                raise WorkshopError(
                    "\n".join(["Spark's Java process did not start:", *lines[-_LINES_SHOWN:]]),
                    "Mend the settings of Spark: --conf of the job",
                )
            time.sleep(_POLL_SECONDS)
        answer = connection.read_bytes()  # port, length of the secret, secret
        self._port, length = struct.unpack(">ii", answer[:8])
        self._secret = answer[8 : 8 + length].decode()
        self._client = ClientServer(
            java_parameters=JavaParameters(port=self._port, auth_token=self._secret),
            python_parameters=PythonParameters(port=0, eager_load=False),
        )
        self._system = self._client.jvm.java.lang.System
        self._properties = self._system.getProperties().clone()

    def begin(self, settings: Mapping[str, str], log: LogLine) -> dict[str, str]:
        """Make ready for a script.

        Args:
            settings: settings of Spark for this script alone.
            log: called with every line that Java writes.

        Returns:
            The variables by which PySpark finds this process.
        """
        self._log = log
        self._system.setProperties(self._properties.clone())
        for name, value in settings.items():
            self._system.setProperty(name, value)
        return {"PYSPARK_GATEWAY_PORT": str(self._port), "PYSPARK_GATEWAY_SECRET": self._secret}

    def ready_again(self) -> bool:
        """Clear away what a script that has ended left; return whether another may follow."""
        try:
            spark = self._client.jvm.org.apache.spark
            active = getattr(getattr(spark, "SparkContext$"), "MODULE$").getActive()
            if active.isDefined():
                active.get().stop()
            # A file system is kept with the folders of its script's buckets.
            self._client.jvm.org.apache.hadoop.fs.FileSystem.closeAll()
            # Scripts set how much is logged, by SparkContext.setLogLevel.
            self._client.jvm.org.apache.logging.log4j.core.config.Configurator.reconfigure()
            for name, stream in (("output", self._system.out), ("error", self._system.err)):
                self._marked[name].clear()
                stream.println(self._marker)
            clear = all(marked.wait(_END_SECONDS) for marked in self._marked.values())
            for path in self.folder.iterdir():
                is_folder = path.is_dir() and not path.is_symlink()
                shutil.rmtree(path) if is_folder else path.unlink()
        except (Py4JError, OSError):
            return False
        return clear

    def runs(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def end(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _read(self, name: Literal["output", "error"], stream: IO[str]) -> None:
        with stream:
            for line in stream:
                text = line.rstrip("\r\n")
                own = text.removesuffix(self._marker)  # of a line that the script did not end
                if own or own == text:
                    self._log(name, own)
                if own != text:
                    self._marked[name].set()
