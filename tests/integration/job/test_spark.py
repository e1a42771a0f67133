"""What a user is told when a script cannot run or fails, and what a script that runs is given."""

import socket
import struct
from pathlib import Path
from queue import Queue

import pytest

from embedded_aws import quick_start
from embedded_aws.spark import QUICK_START, Finished, ScriptRun, check_java, error_of
from workshop.errors import WorkshopError


def java_home(folder: Path, script: str) -> str:
    """Make a Java whose `java` is the shell script."""
    java = folder / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    java.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 1", "has none"),
        ("echo 'openjdk version \"1.8.0_292\"' >&2", '17 to 22, and JAVA_HOME .* "1.8.0_292"'),
        ("echo 'openjdk version \"11.0.2\" 2019' >&2", "has: openjdk version"),
        ("echo 'openjdk version \"25-ea\" 2025' >&2", "25-ea"),  # Hadoop fails there
    ],
)
def test_java_that_spark_cannot_use_is_named(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark says "JAVA_GATEWAY_EXITED", which tells nobody what to install."""
    monkeypatch.setenv("JAVA_HOME", java_home(tmp_path, script))
    with pytest.raises(WorkshopError, match=message) as raised:
        check_java()
    assert "openjdk-17-jre-headless" in raised.value.next_step
    assert "brew install openjdk@17" in raised.value.next_step


def test_java_that_is_missing_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for a machine that never had Java."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(WorkshopError, match="the PATH has none"):
        check_java()


@pytest.mark.parametrize("version", ["17.0.15", "21", "22-ea"])
def test_java_that_spark_runs_on_is_taken(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine with a current Java must not be turned away."""
    home = java_home(tmp_path, f"echo 'openjdk version \"{version}\" 2025-01-01' >&2")
    monkeypatch.setenv("JAVA_HOME", home)
    check_java()


FRAMES = ["Traceback (most recent call last):", '  File "a.py", line 1, in <module>', "    main()"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*FRAMES, "ValueError: no luck"], "ValueError: no luck"),
        (
            [*FRAMES, "KeyError: 'a'", "", "During handling of it:", "", *FRAMES, "OSError"],
            "OSError",
        ),
        ([*FRAMES[:2], "    ^^^^", "awsglue.utils.GlueArgumentError: x"], "GlueArgumentError: x"),
        (
            [*FRAMES, "py4j.protocol.Py4JJavaError: in o1.csv", ": java.io.IOException: full", "x"],
            "Py4JJavaError: in o1.csv : java.io.IOException: full",
        ),
        (
            [*FRAMES, "pyspark.errors.AnalysisException: [PATH_NOT_FOUND] s3://a;", "'Plan", ""],
            "AnalysisException: [PATH_NOT_FOUND] s3://a;",
        ),
        (
            [*FRAMES, "ValueError: No record was kept.", "  kept 0 in all", "26/11/23 WARN x: y"],
            "ValueError: No record was kept.\n  kept 0 in all",
        ),
        (['  File "a.py", line 1', "    )", "    ^", "SyntaxError: unmatched ')'"], None),
        (['  File "a.py", line 3', "    def main(:", " " * 13 + "^", "SyntaxError: invalid"], None),
        (
            [*FRAMES[:2], "    print(nothing)", " " * 10 + "^^^^^^^", "NameError: name 'nothing'"],
            "NameError: name 'nothing'",
        ),
        (
            [*FRAMES[:2], "    {}['a']", "    ~~^^^^^", "KeyError: 'a'", "26/11/23 WARN x: y"],
            "KeyError: 'a'",
        ),
        (
            [*FRAMES, "    x.y", " " * 6 + "^^^", "ValueError: No record.", "  kept 0 in all"],
            "ValueError: No record.\n  kept 0 in all",
        ),
        (["26/11/23 WARN Something: else"], "SystemExit: 3"),
    ],
)
def test_the_error_shown_is_the_one_that_was_raised(lines: list[str], message: str | None) -> None:
    """A failed run would show a line of Spark's log, or only an exit code."""
    assert error_of(lines, 3) == (message or lines[-1])


def test_a_script_that_leaves_with_success_has_succeeded(tmp_path: Path) -> None:
    """Glue takes sys.exit(0) for a success."""
    script = tmp_path / "script.py"
    lines: list[tuple[str, str]] = []
    for code, finished in ((0, Finished(0, "")), (3, Finished(3, "SystemExit: 3"))):
        script.write_text(f"import sys\nprint('é')\nsys.exit({code})\n", encoding="utf-8")
        run = ScriptRun(script, [], log=lambda stream, line: lines.append((stream, line)))
        assert run.finish() == finished
    assert lines == [("output", "é"), ("output", "é")]


LOOKS_AROUND = """
import os, signal, time
from pyspark import SparkContext
signal.signal(signal.SIGTERM, signal.SIG_IGN)
context = SparkContext.getOrCreate()
manager = context._jvm.org.apache.spark.SparkEnv.get().blockManager().blockManagerId()
print(" ".join(os.environ))
print(context.getConf().get("spark.driver.port"), manager.port(), flush=True)
time.sleep(600)
"""


def test_a_script_is_given_no_secret_and_answers_nobody_who_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script is somebody's code, and other users of the machine reach its ports."""
    secrets = {"GITHUB_TOKEN", "SEGMENT_PUBLIC_API_TOKEN", "AWS_SECRET_ACCESS_KEY"}
    for name in secrets:
        monkeypatch.setenv(name, "a terminal's")
    script = tmp_path / "script.py"
    script.write_text(LOOKS_AROUND, encoding="utf-8")
    lines = Queue[tuple[str, str]]()
    run = ScriptRun(script, [], log=lambda stream, line: lines.put((stream, line)))
    try:
        said: list[str] = []
        while len(said) < 2:
            stream, line = lines.get(timeout=60)
            said += [line] if stream == "output" else []
        answers = [ask(int(port)) for port in said[1].split()]
    finally:
        run.terminate()  # the script does not hear, and its Java must not go on without it
        assert run.wait().error_message == "Killed by signal 9"
    assert secrets & {*said[0].split()} == set()
    assert {"PATH", "PYSPARK_SUBMIT_ARGS"} <= {*said[0].split()}
    for answer in answers:
        assert b"Expected SaslMessage, received something else" in answer


def ask(port: int) -> bytes:
    """What Spark answers to a request in its own protocol from somebody who has not authenticated.

    Source: Spark 4.1, org.apache.spark.network.protocol, MessageEncoder and RpcRequest.
    """
    body = b"anything"
    request, length = 3, 8 + 1 + 8 + 4 + len(body)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(struct.pack(">qbqi", length, request, 1, len(body)) + body)
        return connection.recv(10_000)


def test_a_job_starts_from_the_archive_of_classes(tmp_path: Path) -> None:
    """Loaded from their jars, Spark's classes cost each run some eight seconds."""
    quick_start.make()
    loaded = tmp_path / "loaded.txt"
    script = tmp_path / "script.py"
    script.write_text("from pyspark import SparkContext\nSparkContext.getOrCreate()\n", "utf-8")
    options = f"{QUICK_START} -Xlog:class+load:file={loaded}"
    ScriptRun(script, [], java_options=options, log=lambda *_: None).finish()
    (line,) = (
        line
        for line in loaded.read_text("utf-8").splitlines()
        if " org.apache.spark.SparkContext " in line
    )
    assert "source: shared objects file" in line
