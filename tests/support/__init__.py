"""Helpers of the tests: no suite imports from another."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def ran(
    *command: object,
    code: int = 0,
    cwd: Path = PROJECT,
    env: Mapping[str, str] = os.environ,
    stdin: str = "",
    seconds: float | None = None,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and expect its exit code.

    It has this process's environment, or the one that is given, and the variables.
    """
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**env, **variables},
        input=stdin,
        timeout=seconds,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done
