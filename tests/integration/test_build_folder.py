"""What the commands write into build/ names people: nobody else on the machine may read it."""

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.support.summaries import USUAL
from workshop import deployment, private, report, summary
from workshop.account import Account

CDK = """#!/bin/sh
stat -c %a "$(dirname "$0")/build/cdk.log"
echo deployed
"""


@pytest.fixture(params=["new", "there already"])
def build(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder, of a user who lets everybody read and write everything."""
    before = os.umask(0)
    folder = tmp_path / "build"
    if request.param != "new":
        folder.mkdir()
        for name in ("summary.json", "report.html", "cdk.log"):
            (folder / name).write_text("")
    monkeypatch.setattr(deployment, "BUILD", folder)
    monkeypatch.setattr(summary, "SUMMARY", folder / "summary.json")
    monkeypatch.setattr(report, "REPORT", folder / "report.html")
    yield folder
    os.umask(before)


def test_only_the_owner_may_read_it(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users, addresses and traits are in the first rows of the queries."""
    cdk = build.parent / "cdk"
    cdk.write_text(CDK)
    cdk.chmod(0o755)
    monkeypatch.setattr(deployment, "CDK", cdk)
    lines: list[str] = []
    account = Account(boto3.Session(region_name="us-east-1"), "http://127.0.0.1:4566")
    deployment._cdk(account, ["deploy"], lines.append)  # noqa: SLF001
    assert lines == ["600", "deployed"], "from the first line on"
    USUAL.write()
    report.write(USUAL)
    modes = {path.name: path.stat().st_mode & 0o777 for path in build.iterdir()}
    assert modes == dict.fromkeys(["cdk.log", "summary.json", "report.html"], 0o600)
    assert build.stat().st_mode & 0o777 == 0o700


def test_half_a_file_is_none(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run would take the first half of a summary for no summary, a browser for a page."""
    deployment.build_folder()
    file = build / "summary.json"
    private.write(file, b"whole")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        private.write(file, b"half")
    assert file.read_bytes() == b"whole"
    assert [path.name for path in build.iterdir() if path.name.startswith(".")] == []
