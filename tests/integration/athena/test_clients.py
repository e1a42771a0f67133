"""Real clients on the embedded Athena, as participants bring them.

They are not in the lock: half a gigabyte that nothing else needs. The test installs them into an
environment of its own.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PROJECT, ran
from tests.support.athena import BUCKET, DATABASE, WORKGROUP, Aws

CLIENTS = ("awswrangler==3.17.1", "PyAthena==4.2.1", "awscli==1.46.3")


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the clients' own Python and commands."""
    folder = tmp_path_factory.mktemp("clients")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [str(folder / "bin" / "pip"), "install", "--quiet", *CLIENTS]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"The clients cannot be installed here: {done.stderr.strip()[-200:]}")
    return folder / "bin"


@pytest.mark.slow
@pytest.mark.usefixtures("segment")
def test_awswrangler_and_pyathena_work(aws: Aws, binaries: Path) -> None:
    """What works in a participant's notebook on AWS would fail in the rehearsal."""
    assert aws
    script = PROJECT / "tests" / "support" / "athena_clients.py"
    answers = json.loads(ran(binaries / "python", script, BUCKET, DATABASE, WORKGROUP).stdout)
    assert answers.pop("awswrangler, describe") == 17
    assert answers.pop("PyAthena, timestamp") == "[[datetime.datetime(2020, 1, 1, 0, 0)]]"
    assert {str(rows) for rows in answers.values()} == {"[['m1']]"}


@pytest.mark.slow
@pytest.mark.usefixtures("segment")
def test_the_aws_cli_works(aws: Aws, binaries: Path) -> None:
    """Version 1 of the AWS CLI is what many have; its waiters and texts differ from boto3's use."""

    def athena(*arguments: str) -> str:
        words = ["athena", *arguments, "--output", "text"]
        return ran(binaries / "aws", *words, AWS_PAGER="").stdout.strip()

    query_id = athena(
        "start-query-execution",
        *("--query-string", "SELECT count(*) AS n FROM segment_logs WHERE version = ?"),
        *("--execution-parameters", "2", "--work-group", WORKGROUP),
        *("--query-execution-context", f"Database={DATABASE}"),
    )
    assert aws.ended(query_id).state == "SUCCEEDED"
    shown = athena(
        *("get-query-results", "--query-execution-id", query_id),
        *("--query", "ResultSet.Rows[1].Data[0].VarCharValue"),
    )
    assert shown == "1"
