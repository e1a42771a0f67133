"""Runs a Glue script, unmodified, in Spark on this machine, as a process of its own.

The script gets Spark of the version that Glue 6.0 has, a stand-in for the `awsglue` library, and
its own arguments. `s3://` paths in them lead to folders of this machine, one a bucket. No socket
of the process listens on anything but loopback.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from itertools import takewhile
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Literal

from workshop.errors import WorkshopError
from workshop.processes import inherited_environment

if TYPE_CHECKING:
    from embedded_aws.spark_java import SparkJava

GLUE_VERSION = "6.0"
# Spark 4.1 needs Java 17; its Hadoop calls `Subject.getSubject`, which fails from Java 23 on.
JAVA_VERSIONS = range(17, 23)
DRIVER_MEMORY = "2g"
# Java compiles its hot code twice, the second time thoroughly: on a workshop's data that never pays
# (measured on 2 cores, 100,000 events: 11 s without it, 17 s with it), on large data it does.
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
THROUGHPUT = "-XX:+UseParallelGC"

LogLine = Callable[[Literal["output", "error"], str], None]

_RUNTIME = Path(__file__).parent / "glue_runtime"
# Not imported, which takes half a second. An archive of its classes holds for one path.
_SPARK = distribution("pyspark")
SPARK_HOME = Path(str(_SPARK.locate_file("pyspark"))).resolve()
_SETTINGS = "spark.conf"
_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
# There is no native Hadoop library for most machines, and no need of one.
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""
# A script that fails may leave thousands of lines of Java's on stderr after its traceback.
_ERROR_LINES_KEPT = 10_000
# What a process that the script left behind holds is not read for longer.
_LEFT_SECONDS = 2


@dataclass(frozen=True)
class Finished:
    """How a script ended: its exit code, and what Glue would show as the error ("" if none)."""

    exit_code: int
    error_message: str

    @property
    def succeeded(self) -> bool:
        """Whether the script came to its end, or left by `sys.exit(0)`."""
        return self.exit_code == 0


class ScriptRun:
    """A Glue script that runs.

    The process belongs to the process group of its parent, so it ends with it on Ctrl-C.

    Args:
        script: the Glue script.
        arguments: what follows the script on its command line: `["--JOB_NAME", "x", ...]`.
        python_files: what `--extra-py-files` names: `.py` and `.zip` files that it can import.
        buckets: the folder that stands for each bucket in `s3://<bucket>/...`.
        java_options: how Java runs: QUICK_START or THROUGHPUT.
        settings: settings of Spark beside the ones that are made here, or instead of them.
        java: a Java process that waits for a script, and runs as it was started; without it the
            script starts one, which ends with it.
        log: called with every line as it comes, from the threads that read the two streams.

    Raises:
        WorkshopError: there is no Java to run Spark with.
    """

    def __init__(
        self,
        script: Path,
        arguments: Sequence[str],
        *,
        python_files: Sequence[Path] = (),
        buckets: Mapping[str, Path] | None = None,
        java_options: str = THROUGHPUT,
        settings: Mapping[str, str] | None = None,
        java: "SparkJava | None" = None,
        log: LogLine,
    ) -> None:
        self._log = log
        self._java = java
        self._over = False
        self._errors: deque[str] = deque(maxlen=_ERROR_LINES_KEPT)
        self._scratch = Path(tempfile.mkdtemp(prefix="glue-script-"))
        chosen = {**mounts(buckets or {}), **(settings or {})}
        variables = environment(self._scratch, python_files)
        if java:
            # Java starts Python processes for what a script computes in Python.
            chosen["spark.executorEnv.PYTHONPATH"] = variables["PYTHONPATH"]
            variables |= java.begin(chosen, log)
        else:
            configure(self._scratch, java_options, chosen)
        self._process = subprocess.Popen(
            [sys.executable, str(script.resolve()), *arguments],
            env=variables,
            cwd=java.folder if java else self._scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        self._readers = [
            Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("output", self._process.stdout), ("error", self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def wait(self, timeout: float | None = None) -> Finished:
        """Wait until the script, and the Java process that it started, have ended.

        Other processes that it started are not waited for where Java is not its own.

        Args:
            timeout: seconds to wait at most; None waits for as long as it takes.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        exit_code = self._process.wait(timeout)
        for reader in self._readers:
            # Java that the script started holds the streams open until it has ended too.
            reader.join(_LEFT_SECONDS if self._java else None)
        self._over = True
        shutil.rmtree(self._scratch, ignore_errors=True)
        return Finished(exit_code, error_of(list(self._errors), exit_code) if exit_code else "")

    def finish(self) -> Finished:
        """Wait until it has ended; an interruption ends it first."""
        try:
            return self.wait()
        except BaseException:
            self.terminate()
            self.wait()
            raise

    def ended(self) -> bool:
        """Whether the script has ended."""
        return self._process.poll() is not None

    def terminate(self) -> None:
        """End it at once, as Glue does when a run is stopped: the script gets no say in it."""
        self._process.kill()

    def _read(self, name: Literal["output", "error"], stream: IO[str]) -> None:
        with stream:  # closed too when `log` raises: the script must not wait for a reader
            for line in stream:
                text = line.rstrip("\r\n")
                if self._over:  # a process that the script left goes on writing
                    continue
                if name == "error":
                    self._errors.append(text)
                self._log(name, text)


def archive(java: str) -> Path:
    """Where Spark's classes are kept for a Java of this version: see quick_start.py."""
    version = hashlib.sha256(f"{java} {_SPARK.version}".encode()).hexdigest()[:8]
    return Path(sys.prefix).resolve() / f"spark-{version}.jsa"


def check_java() -> str:
    """Make sure that Spark will find a Java it can run on, where Spark looks for it.

    Returns:
        what this Java says of its version.

    Raises:
        WorkshopError: there is none, or Spark cannot run on it.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else "java"
    where = f"JAVA_HOME ({home})" if home else "the PATH"
    oldest, newest = JAVA_VERSIONS[0], JAVA_VERSIONS[-1]
    install = (
        f"Install Java {oldest}: on Debian or Ubuntu `sudo apt-get install "
        f"openjdk-{oldest}-jre-headless`, on macOS `brew install openjdk@{oldest}`, "
        "then set JAVA_HOME to it or put it first on the PATH"
    )
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise WorkshopError(f"Spark needs Java, and {where} has none.", install) from error
    version = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    if version is None or int(version[1]) not in JAVA_VERSIONS:
        found = answer.stderr.partition("\n")[0]
        raise WorkshopError(
            f"Spark needs Java {oldest} to {newest}, and {where} has: {found}", install
        )
    return answer.stderr


def error_of(lines: Sequence[str], exit_code: int) -> str:
    """Find what Glue shows as the error of a script in what it wrote on stderr.

    Args:
        lines: the lines of stderr.
        exit_code: the code that the script left with, not 0.

    Returns:
        The last line of the last Python traceback without the module of its class, e.g.
        `ValueError: no record was kept`, with the indented lines that follow it; for an error in
        Java the line of its cause too.
        Without a traceback, how the script left: `SystemExit: 3`.
    """
    for index in range(len(lines) - 1, -1, -1):
        raised = re.match(r"(?:\w+\.)*(\w+(?:: .*)?)$", lines[index])
        # Above it, the frames of the traceback: every one of them indented.
        if raised and index and re.match(r" {4,}\S|  File ", lines[index - 1]):
            cause = lines[index + 1] if lines[index + 1 : index + 2] else ""
            if cause.startswith(": "):
                return f"{raised[1]} {cause}".rstrip()
            more = takewhile(lambda line: line.startswith("  "), lines[index + 1 :])
            return "\n".join([raised[1], *more])
    return f"SystemExit: {exit_code}" if exit_code > 0 else f"Killed by signal {-exit_code}"


def mounts(buckets: Mapping[str, Path]) -> dict[str, str]:
    """The settings of Spark by which folders stand for buckets."""
    return {
        f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback": path.resolve().as_uri()
        for bucket, path in buckets.items()
    }


def configure(folder: Path, java_options: str, chosen: Mapping[str, str]) -> None:
    """Write Spark's configuration into the folder; what is chosen comes before what is usual."""
    kept = archive(check_java())
    if kept.exists():
        java_options += f' "-XX:SharedArchiveFile={kept}" -Xlog:cds*=off'
    log4j = folder / "log4j2.properties"
    raw_files = "org.apache.hadoop.fs.RawLocalFileSystem"  # without checksum files beside the data
    settings: dict[str, str] = {
        "spark.master": "local[*]",
        "spark.driver.extraJavaOptions": (
            f"{java_options} -Dlog4j2.configurationFile={log4j.as_uri()}"
        ),
        "spark.driver.memory": DRIVER_MEMORY,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        # Whoever connects to the driver or to its block manager has to know a secret.
        "spark.authenticate": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.hadoop.fs.file.impl": raw_files,
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "spark.hadoop.fs.viewfs.overload.scheme.target.file.impl": raw_files,
    } | dict(chosen)
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    (folder / _SETTINGS).write_text("".join(lines), encoding="utf-8")
    log4j.write_text(_LOG4J, encoding="utf-8")


def submit(folder: Path) -> list[str]:
    """What `spark-submit` is given to wait for a script, with the configuration in the folder."""
    return ["--properties-file", str(folder / _SETTINGS), "pyspark-shell"]


def environment(folder: Path, python_files: Sequence[Path] = ()) -> dict[str, str]:
    """The variables of a script that may import the files, and of its Java."""
    # Python imports from a zip as from a folder.
    modules = [file.parent if file.suffix == ".py" else file for file in python_files]
    return inherited_environment() | {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(map(str, [*modules, _RUNTIME])),
        "PYTHONUNBUFFERED": "1",
        # Not by SPARK_CONF_DIR, which is put on the class path: Java archives no folder of files.
        "PYSPARK_SUBMIT_ARGS": shlex.join(submit(folder)),
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
