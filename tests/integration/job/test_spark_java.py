"""Scripts that run one after the other in one Java process: each finds what the first found."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_aws.spark import ScriptRun
from embedded_aws.spark_java import SparkJava
from workshop.errors import WorkshopError

pytestmark = pytest.mark.slow

# Says which Java it has, what it was given and what it finds; then leaves things behind.
SCRIPT = """
import os, subprocess, sys
import helper
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
spark = SparkSession.builder.getOrCreate()
java = spark.sparkContext._jvm.java.lang
print(java.ProcessHandle.current().pid())
conf = spark.sparkContext.getConf()
print([conf.get(name, "not set") for name in ("spark.first", "spark.second")])
print(os.listdir(), java.System.getProperty("spark.left", "nothing left"))
said = spark.read.text("s3://data/a.txt").select(udf(helper.said)("value"))
print([row[0] for row in said.collect()])
log4j = spark.sparkContext._jvm.org.apache.logging.log4j
print(log4j.LogManager.getRootLogger().getLevel().toString())
spark.sparkContext.setLogLevel("OFF")
java.System.err.println("Java's own line")
print("the script's own line", file=sys.stderr)
java.System.setProperty("spark.left", "something left")
os.mkdir("left")
os.symlink(os.path.dirname(__file__), "link")
spark.range(5).write.saveAsTable("numbers")
java.System.out.print("a line that does not end")
"""
CHILD_SECONDS = 60
LEAVES_A_CHILD = f'subprocess.Popen(["sleep", "{CHILD_SECONDS}"])\n'


@pytest.fixture
def java() -> Iterator[SparkJava]:
    """A Java process that waits for a script."""
    java = SparkJava({"spark.ui.showConsoleProgress": "false"})
    yield java
    java.end()


def run(java: SparkJava, folder: Path, name: str, more: str = "") -> list[tuple[str, str]]:
    """Run the script with a bucket, a module and a setting of its own; return what was logged."""
    bucket = folder / name / "bucket"
    bucket.mkdir(parents=True)
    (bucket / "a.txt").write_text(name, encoding="utf-8")
    module = folder / name / "helper.py"
    module.write_text(f"def said(text): return text + ' by {name}'\n", encoding="utf-8")
    script = folder / name / "script.py"
    script.write_text(SCRIPT + more, encoding="utf-8")
    logged: list[tuple[str, str]] = []
    finished = ScriptRun(
        script,
        [],
        python_files=[module],
        buckets={"data": bucket},
        settings={f"spark.{name}": "set"},
        java=java,
        log=lambda stream, line: logged.append((stream, line)),
    ).finish()
    assert finished.succeeded, logged
    assert java.ready_again()
    return logged


def test_a_script_finds_nothing_of_the_one_before(java: SparkJava, tmp_path: Path) -> None:
    """It would read the folders of other runs, compute with modules of theirs, log their lines."""
    first = run(java, tmp_path, "first")
    began = time.monotonic()
    second = run(java, tmp_path, "second", LEAVES_A_CHILD)
    assert time.monotonic() - began < CHILD_SECONDS
    texts = [[text for stream, text in log if stream == "output"] for log in (first, second)]
    assert texts[0] == [
        texts[0][0],
        "['set', 'not set']",
        "[] nothing left",
        "['first by first']",
        "WARN",
        "a line that does not end",
    ]
    assert texts[1] == [
        texts[0][0],  # the same Java
        "['not set', 'set']",
        "[] nothing left",
        "['second by second']",
        "WARN",
        "a line that does not end",
    ]
    for log in (first, second):
        errors = [text for stream, text in log if stream == "error"]
        assert errors.count("Java's own line") == 1
        assert errors.count("the script's own line") == 1


def test_java_that_cannot_start_says_why() -> None:
    """A wrong setting would be an exit code."""
    with pytest.raises(WorkshopError, match=r"(?s)did not start:.*Invalid maximum heap size"):
        SparkJava({"spark.driver.memory": "plenty"})
