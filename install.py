"""Installs what uv.lock and package-lock.json lock, into .venv and node_modules of this folder.

`make` runs it with the user's own Python: install.py deploy | develop | test | docs. Each of the
first three includes the one before; docs is develop and what builds the site. What is installed
already costs a moment; an environment that was moved, or whose Python has gone, is made again.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent
VENV = PROJECT / ".venv"
PROGRAMS = VENV / "bin"
INSTALLED = VENV / "installed.json"
LOCKS = ("uv.lock", "package-lock.json", "requirements-uv.txt")
GROUPS = {
    "deploy": set[str](),
    "develop": {"dev"},
    "test": {"dev", "checkov"},
    "docs": {"dev", "docs"},
}
# Each of these lies in a folder of its own, below .venv.
APART = ("checkov", "docs")
# It has no wheel: a cached one may have been built by something else.
BUILT_HERE = ("--refresh-package", "pyspark")


def main(purpose: str) -> None:
    """Install what a purpose needs, unless it is installed; one set-up at a time in this folder."""
    folder = os.open(PROJECT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another set-up runs in this folder: waiting for it", flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        install(purpose)
    finally:
        os.close(folder)


def install(purpose: str) -> None:
    """Install what is not installed yet."""
    found = installed()
    before = set(found["groups"])
    groups = GROUPS[purpose] | before
    locked = found["locks"] == digest() and groups == before
    if VENV.is_symlink():
        if locked:
            return
        sys.exit(".venv is a link, and lacks what is locked: run make in the checkout it leads to")
    if not sound(found):
        create()
        groups = GROUPS[purpose]
    elif locked and (PROJECT / "node_modules").exists():
        return
    print(f"Installing what is locked, to {purpose}", flush=True)
    sync(VENV, *(["--group=dev"] if "dev" in groups else []), *BUILT_HERE)
    for group in groups.intersection(APART):
        sync(VENV / group, f"--only-group={group}", "--no-install-project")
    omitted = [] if "dev" in groups else ["--omit=dev"]
    options = ["--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts", *omitted]
    run("npm could not install the CDK CLI", PROGRAMS / "npm", "ci", *options)
    write_down(groups, digest())


def installed() -> dict[str, Any]:
    """Return what was written down after the last set-up; nothing fits when there was none."""
    try:
        return dict(json.loads(INSTALLED.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {"folder": "", "python": "", "locks": None, "groups": []}


def write_down(groups: set[str], locks: str | None = None) -> None:
    """Keep what is installed now, and where, for the next set-up."""
    facts = {"folder": str(VENV), "python": python(), "locks": locks, "groups": sorted(groups)}
    INSTALLED.write_text(json.dumps(facts), encoding="utf-8")


def sound(found: dict[str, Any]) -> bool:
    """Whether .venv was made in this folder, and by the Python that runs it."""
    return bool(found["folder"] == str(VENV) and found["python"] == python() != "")


def python() -> str:
    """Return the version of .venv's Python; "" when it does not run."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run(
            [PROGRAMS / "python", "-c", program], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def digest() -> str:
    """Sum up the locks."""
    return hashlib.sha256(b"".join((PROJECT / name).read_bytes() for name in LOCKS)).hexdigest()


def create() -> None:
    """Make .venv with uv, which installs everything else."""
    print("Making .venv", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    # The one behind .venv, where .venv's own runs this: it goes.
    interpreter = getattr(sys, "_base_executable", sys.executable)
    run("There is no venv module", interpreter, "-m", "venv", VENV)
    options = ["-qq", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    uv = PROJECT / "requirements-uv.txt"
    run("pip could not install uv", PROGRAMS / "pip", "install", *options, "-r", uv)
    write_down(set())


def sync(environment: Path, *options: str) -> None:
    """Make an environment contain what is locked, and nothing else."""
    uv: list[str | Path] = [PROGRAMS / "uv", "sync", "--quiet", "--frozen"]
    uv += ["--python", PROGRAMS / "python", *options]
    run("uv could not install what is locked", *uv, UV_PROJECT_ENVIRONMENT=environment)


def run(failure: str, *command: str | Path, **variables: str | Path) -> None:
    """Run a program of .venv; where it fails, its own words stay on the screen above ours."""
    path = os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, **{name: str(value) for name, value in variables.items()}}
    ended = subprocess.run([str(word) for word in command], cwd=PROJECT, env=env, check=False)
    if ended.returncode:
        sys.exit(f"{failure}: see above. Fix the cause, then run the same command again")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
