"""Set-up: it installs what is locked, notices what has changed, and shows why it fails."""

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.support import PROJECT

LOCKED = tomllib.loads((PROJECT / "uv.lock").read_text(encoding="utf-8"))
CONFIGURED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
OWN = CONFIGURED["project"]["name"]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """install.py in a folder of its own, whose programs are only named in `calls`."""
    for name in ("install.py", "uv.lock", "package-lock.json", "requirements-uv.txt"):
        shutil.copy(PROJECT / name, tmp_path)
    spec = importlib.util.spec_from_file_location("install", tmp_path / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.calls = []  # type: ignore[attr-defined]

    def run(_failure: str, *command: object, **_: object) -> None:
        words = [str(word).removeprefix(f"{tmp_path}/") for word in command]
        module.calls.append(words)
        if words[1:3] == ["-m", "venv"]:
            (module.PROGRAMS).mkdir(parents=True)
            (module.PROGRAMS / "python").symlink_to(sys.executable)
        if "npm" in words[0]:
            (tmp_path / "node_modules").mkdir(exist_ok=True)

    monkeypatch.setattr(module, "run", run)
    return module


def programs(install: ModuleType) -> list[str]:
    """The programs that ran since the last time, by name."""
    calls, install.calls = install.calls, []  # type: ignore[attr-defined]
    return [" ".join(words[1:3]) if "venv" in words else Path(words[0]).name for words in calls]


def test_it_installs_what_is_locked_and_nothing_else(install: ModuleType) -> None:
    """A package that nobody has locked runs as the user."""
    install.main("deploy")
    (venv, pip, uv, npm) = install.calls
    assert not Path(venv[0]).is_relative_to(sys.prefix), "it would delete what it runs"
    assert {"--require-hashes", "--only-binary", "requirements-uv.txt"} < set(pip)
    assert "--frozen" in uv
    assert "--group=dev" not in uv
    assert npm[1] == "ci"
    assert {"--ignore-scripts", "--omit=dev"} < set(npm)
    install.calls = []  # type: ignore[attr-defined]
    install.main("test")
    (uv, checkov, npm) = install.calls
    assert {"--frozen", "--group=dev"} < set(uv)
    assert {"--frozen", "--only-group=checkov", "--no-install-project"} < set(checkov)
    assert "--omit=dev" not in npm


def installed(install: ModuleType, **changed: str) -> None:
    """Say something else about what was installed."""
    facts = json.loads(install.INSTALLED.read_text())
    install.INSTALLED.write_text(json.dumps(facts | changed))


def remove_python(install: ModuleType) -> None:
    (install.PROGRAMS / "python").unlink()
    (install.PROGRAMS / "python").symlink_to("/nowhere/python3.11")


def lock_again(install: ModuleType) -> None:
    (install.PROJECT / "uv.lock").write_text("another")


ALL = ["-m venv", "pip", "uv", "npm"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda _: None, []),
        (lambda install: installed(install, folder="/elsewhere/.venv"), ALL),
        (lambda install: installed(install, python="3.10"), ALL),
        (remove_python, ALL),
        (lock_again, ["uv", "npm"]),
        (lambda install: (install.PROJECT / "node_modules").rmdir(), ["uv", "npm"]),
    ],
    ids=["nothing", "moved", "another Python", "no Python", "locked again", "no node_modules"],
)
def test_it_notices_what_has_changed(
    install: ModuleType, change: Callable[[ModuleType], None], expected: list[str]
) -> None:
    """A folder that was moved, or an upgraded Python, leaves an environment that does not run."""
    install.main("develop")
    programs(install)
    change(install)
    install.main("deploy")  # less than what is installed
    assert programs(install) == expected
    install.main("develop")
    assert programs(install) == (["uv", "npm"] if expected == ALL else [])


def test_a_link_is_not_installed_into(install: ModuleType, tmp_path: Path) -> None:
    """It would change another checkout's environment."""
    other = tmp_path / "other"
    other.mkdir()
    install.VENV.symlink_to(other)
    with pytest.raises(SystemExit, match="link"):
        install.main("deploy")
    assert install.calls == []


def test_a_second_set_up_waits_for_the_first(install: ModuleType, tmp_path: Path) -> None:
    """Two of them would write the same files."""
    install.main("deploy")
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    second = subprocess.Popen(
        [sys.executable, "install.py", "deploy"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert second.stdout
    assert "waiting" in second.stdout.readline()
    assert second.poll() is None
    os.close(folder)
    assert second.wait(60) == 0


@pytest.mark.parametrize("program", ["npm", "uv"])
def test_the_cause_of_a_failure_is_shown(tmp_path: Path, install: ModuleType, program: str) -> None:
    """A proxy, a full disk, no network: its words are all that there is to go by."""
    install.main("deploy")
    for name in ("npm", "uv"):
        (install.PROGRAMS / name).write_text(
            f'#!/bin/sh\n[ {name} = {program} ] && case " $* " in *silent*) ;; *) echo CAUSE >&2;; '
            f"esac && exit 1\nexit 0\n"
        )
        (install.PROGRAMS / name).chmod(0o755)
    lock_again(install)
    ended = subprocess.run(
        [sys.executable, "install.py", "deploy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "CAUSE" in ended.stderr
    assert program in ended.stderr


def test_only_spark_and_this_project_are_built_and_only_by_what_is_locked() -> None:
    """What builds a package runs as the user: an unlocked one is anybody's code."""
    settings = CONFIGURED["tool"]["uv"]
    assert settings["no-build"] is True
    assert settings["no-binary-package"] == ["pyspark"]
    assert sorted(settings["no-build-isolation-package"]) == ["pyspark", OWN]
    assert settings["python-downloads"] == "never"
    (builder,) = CONFIGURED["build-system"]["requires"]
    assert builder in CONFIGURED["dependency-groups"]["setup"]
    without = [package["name"] for package in LOCKED["package"] if not package.get("wheels")]
    assert sorted(without) == ["pyspark", OWN]


def test_every_locked_file_has_a_hash() -> None:
    """Tomorrow's installation must have what somebody has seen."""
    for package in LOCKED["package"]:
        if package["name"] != OWN:
            files = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
            assert files
            assert all(file["hash"].startswith("sha256:") for file in files)


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("requirements.txt", ["--no-default-groups", "--no-emit-project"]),
        ("requirements-uv.txt", ["--only-group", "setup"]),
    ],
)
def test_what_pip_installs_is_exported_from_the_lock(file: str, options: list[str]) -> None:
    """Two locks that differ are two sets of versions, of which one was tried."""
    exported = subprocess.run(
        ["uv", "export", "--frozen", "--quiet", "--no-annotate", "--no-header", *options],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert (PROJECT / file).read_text(encoding="utf-8") == exported


def test_before_set_up_the_command_says_what_to_do(tmp_path: Path) -> None:
    """A traceback says nothing to who has just cloned this."""
    (tmp_path / "workshop").symlink_to(PROJECT / "workshop")
    ended = subprocess.run(
        [sys.executable, "-S", "-m", "workshop", "status"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "make setup" in ended.stderr
    assert "Traceback" not in ended.stderr
