"""The Makefile: what is given for its variables is text and nothing else, and what it installs."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import PROJECT
from workshop.account import EMBEDDED_ACCOUNT

# Stands for every program: writes its name, its arguments and some of its environment down.
STUB = """#!/bin/sh
{
  printf '%s' "${0##*/}"
  printf '\\t%s' "$@"
  printf '\\t%s=%s' AWS_ENDPOINT_URL "$AWS_ENDPOINT_URL" CDK_HOME "$CDK_HOME" \\
    CDK_DISABLE_CLI_TELEMETRY "$CDK_DISABLE_CLI_TELEMETRY"
  printf '\\n'
} >> calls
"""
# Each makes a file `mark` where it becomes the text of make or of the shell.
ATTACKS = (
    "4801 x; touch mark; true ",
    "x; touch mark",
    "$(shell touch mark)X",
    "${shell touch mark}1",
    "$(eval $(shell touch mark))4801",
    "1$(value X),$(shell touch mark)",
    "`touch mark`",
    "$$(touch mark)",
    "X\ntouch mark",
    "4801\n\ttouch mark\n",
    "'; touch mark; '",
    '"; touch mark; "',
    "1 || touch mark",
    "1 # \\\ntouch mark",
)
NO_PORTS = ("", " ", "0", "-1", "65536", "99999999999999999999", "80x", "4566 ", "0x1F", "８０")  # noqa: RUF001
NO_STACKS = ("", " ", "1Stack", "-Stack", "Sta_ck", "A" * 129, "A ", "--help", "Stäck")
# Nothing is installed.
SET_UP = tuple(f"--old-file={name}" for name in ("setup", "setup-deploy", "setup-test"))
SETTABLE = ("PORT", "PYTHON", "SBOM", "STACK")


@dataclass
class Scratch:
    """A checkout whose programs are stubs."""

    folder: Path

    def make(
        self, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {*SETTABLE, "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
        }
        return subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env=inherited | (env or {}),
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[list[str]]:
        """What was run, without the environment."""
        return [call[:-3] for call in self._recorded()]

    def environments(self) -> list[dict[str, str]]:
        return [dict(word.split("=", 1) for word in call[-3:]) for call in self._recorded()]

    def _recorded(self) -> list[list[str]]:
        file = self.folder / "calls"
        return [line.split("\t") for line in file.read_text().splitlines()] if file.exists() else []

    def files(self) -> set[Path]:
        return set(self.folder.rglob("*"))


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    folder = tmp_path / "checkout"
    for part in ("docs/diagrams", "node_modules"):
        (folder / part).mkdir(parents=True)
    for name in ("Makefile", "package-lock.json", *(f.name for f in PROJECT.glob("*.txt"))):
        shutil.copy(PROJECT / name, folder)
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("pip", "python", "npm", "node", "cdk", "cyclonedx-py", "uv"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    return Scratch(folder)


def given(name: str, value: str, where: str) -> tuple[list[str], dict[str, str]]:
    """A variable on the command line, or in the environment."""
    if where == "environment":
        return [], {name: value}
    return [f"{name}={value}"], {}


@pytest.mark.parametrize("where", ["command line", "environment"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PORT", value) for value in (*ATTACKS, *NO_PORTS)),
        *(("STACK", value) for value in (*ATTACKS, *NO_STACKS)),
    ],
)
def test_a_value_that_is_not_valid_is_an_error_that_names_the_variable(
    scratch: Scratch, name: str, value: str, where: str
) -> None:
    """Somebody pastes a stack's name from a chat; the shell must not run it."""
    if where == "command line" and not value.strip(" "):
        value = ""  # make leaves leading blanks out
    words, env = given(name, value, where)
    before = scratch.files()
    ended = scratch.make(*SET_UP, "-k", "-i", "status", *words, env=env)
    assert scratch.files() == before
    assert ended.returncode
    assert f"{name} must be" in ended.stderr


@pytest.mark.parametrize("where", ["command line", "environment"])
@pytest.mark.parametrize("port", ["1", "4801", "65535"])
@pytest.mark.parametrize("stack", ["A", "Second-2", "z" * 128])
def test_a_valid_port_and_stack_reach_the_command(
    scratch: Scratch, port: str, stack: str, where: str
) -> None:
    """A check that refuses what is right is not usable."""
    words, env = given("PORT", port, where)
    more, more_env = given("STACK", stack, where)
    ended = scratch.make(*SET_UP, "status", *words, *more, env=env | more_env)
    assert ended.returncode == 0, ended.stderr
    (call,) = scratch.calls()
    assert call == ["python", "-m", "workshop", "status", "--stack", stack]
    (environment,) = scratch.environments()
    assert environment["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("where", ["command line", "environment"])
@pytest.mark.parametrize("value", ATTACKS)
def test_python_is_the_name_of_a_program_and_nothing_else(
    scratch: Scratch, value: str, where: str
) -> None:
    """The same for the interpreter that sets everything up."""
    words, env = given("PYTHON", value, where)
    before = scratch.files()
    ended = scratch.make("setup", *words, env=env)
    assert scratch.files() == before
    assert ended.returncode
    assert "PYTHON must be" in ended.stdout + ended.stderr


@pytest.mark.parametrize("where", ["command line", "environment"])
@pytest.mark.parametrize("value", ["bill of materials", "-p", "dist/é", *ATTACKS])
def test_the_folder_of_the_bill_is_a_folder_and_nothing_else(
    scratch: Scratch, value: str, where: str
) -> None:
    """Any path will do, so nothing in it may mean anything."""
    words, env = given("SBOM", value, where)
    ended = scratch.make(*SET_UP, "sbom", *words, env=env)
    assert ended.returncode == 0, ended.stderr
    assert not (scratch.folder / "mark").exists()
    folder = value if where == "environment" else value.lstrip()
    assert (scratch.folder / folder / "sbom-node.json").is_file()


def test_no_folder_for_the_bill(scratch: Scratch) -> None:
    """The root of the disk is not meant."""
    ended = scratch.make(*SET_UP, "sbom", "SBOM=")
    assert ended.returncode
    assert "SBOM" in ended.stderr


@pytest.mark.parametrize(
    "name",
    ["STAK", "LOCAL", "PYTEST", "EVENT_TEMPLATE", "MAKEFILE_LIST", "CURDIR", "PATH", "without"],
)
@pytest.mark.parametrize("value", ["x", "; touch mark;", "$(shell touch mark)"])
def test_another_variable_is_refused(scratch: Scratch, name: str, value: str) -> None:
    """`make destroy STAK=Second` would destroy the default stack."""
    before = scratch.files()
    ended = scratch.make(*SET_UP, "destroy", f"{name}={value}")
    assert scratch.files() == before
    assert ended.returncode
    assert name in ended.stderr


@pytest.mark.parametrize("name", ["LOCAL", "PYTEST", "EVENT_TEMPLATE", "INSTALL", "PORT_RULE"])
def test_the_environment_changes_no_command_even_with_e(scratch: Scratch, name: str) -> None:
    """`make -e` lets the environment win over the Makefile."""
    env = {name: "true; touch mark;"}
    for target in ("status", "test", "event-package"):
        scratch.make("-e", *SET_UP, target, env=env)
    scratch.make("-e", "setup", env=env | {"PYTHON": str(scratch.folder / ".venv/bin/python")})
    assert scratch.calls()
    assert not (scratch.folder / "mark").exists()


def test_help_needs_nothing(scratch: Scratch) -> None:
    """It is the first thing that somebody tries."""
    shutil.rmtree(scratch.folder / ".venv")
    shown = scratch.make("help")
    assert shown.returncode == 0, shown.stderr
    assert "make setup" in shown.stdout
    assert scratch.make().stdout == shown.stdout


@pytest.mark.parametrize(
    ("target", "purpose"),
    [
        *(("deploy", "deploy"), ("synth", "deploy")),
        *(("up", "develop"), ("test", "develop"), ("test-slow", "test")),
    ],
)
def test_a_target_installs_what_it_needs(scratch: Scratch, target: str, purpose: str) -> None:
    """AWS CloudShell has room for what deploying needs, and not for the tests."""
    scratch.make(target, "PYTHON=.venv/bin/python")
    asked, installed = scratch.calls()[:2]
    assert asked[:2] == ["python", "-c"]
    assert installed == ["python", "install.py", purpose]


@pytest.mark.parametrize(
    ("status", "called"), [(0, ["status", "console"]), (1, ["status", "up", "console"])]
)
def test_the_console_has_something_to_show(
    scratch: Scratch, status: int, called: list[str]
) -> None:
    """Whoever learns offline begins with this command."""
    python = scratch.folder / ".venv" / "bin" / "python"
    python.write_text(f"{STUB}[ $3 != status ] || exit {status}\n")
    assert scratch.make(*SET_UP, "console").returncode == 0
    assert [call[3] for call in scratch.calls()] == called


@pytest.mark.parametrize("target", ["synth", "event-template", "deploy"])
def test_the_cdk_cli_reports_nothing_and_keeps_out_of_the_home(
    scratch: Scratch, target: str
) -> None:
    """Who uses what is nobody's business."""
    scratch.make(*SET_UP, target)
    call, environment = scratch.calls()[0], scratch.environments()[0]
    assert call[0] == "cdk"
    assert environment["CDK_DISABLE_CLI_TELEMETRY"] == "true"
    assert environment["CDK_HOME"] == str(scratch.folder / "build" / "cdk")


def test_nothing_is_installed_elsewhere() -> None:
    """A script beside the Makefile would need the same care."""
    tracked = subprocess.run(
        ["git", "ls-files", ".ci", "bench", "stacks", "workshop", "*.sh", "*.toml"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert ".ci/run" in tracked
    installs = re.compile(r"\b(pip3?|npm|uv|pnpm|yarn)\b[^\n]{0,20}\b(install|ci|add)\b|\bnpx -y")
    found = [
        name
        for name in tracked
        if (path := PROJECT / name).is_file() and installs.search(path.read_text("utf-8"))
    ]
    assert found == []


def test_a_terminal_of_the_embedded_aws_does_not_deploy_to_aws(scratch: Scratch) -> None:
    """Its region would be deployed to, whatever the user's own is."""
    key = {"AWS_ACCESS_KEY_ID": EMBEDDED_ACCOUNT}
    done = scratch.make(*SET_UP, "deploy", env=key)
    assert done.returncode != 0
    assert "open another one for AWS" in done.stdout
    assert scratch.calls() == []
