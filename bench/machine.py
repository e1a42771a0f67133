"""What the measurements hold for: the machine, the programs, the job's script."""

import hashlib
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.contestants import CORES, job

PACKAGES = ("pyspark", "duckdb", "polars")


def describe() -> dict[str, Any]:
    """Describe them; whatever is not "date" must be the same to go on with earlier results."""
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": _cpu(),
        "cores": psutil.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "versions": {
            "python": platform.python_version(),
            "java": (re.findall(r'version "([^"]+)', java) or ["?"])[0],
            **{package: version(package) for package in PACKAGES},
        },
        "job": hashlib.sha256(job.SCRIPT.read_bytes() + job.HELPER.read_bytes()).hexdigest()[:12],
    }


def use_cores() -> None:
    """Keep this process and all that it starts on the first cores, where the system can."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def load() -> float:
    """How many processes ran, on average of the last minute."""
    return psutil.getloadavg()[0]


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text("utf-8") if cpuinfo.exists() else ""
    named = re.search(r"model name\s*:\s*(.+)", text)
    return named[1] if named else platform.processor() or platform.machine()
