"""What the job would take on Glue, from its measured rate per core.

The assumption: a vCPU of a worker does as much as a core here, and many do that many times as much.
"""

import math
from dataclasses import dataclass

CORES_PER_WORKER = 4  # G.1X: 1 DPU, 4 vCPU
DOLLARS_PER_DPU_HOUR = 0.308  # Glue 6.0 in us-east-1, 30 % less than earlier versions
MINIMUM_WORKERS = 2  # one of them is the driver
MINIMUM_MINUTES = 1.0  # billed
TARGET_MINUTES = 10  # as many workers as it takes; the job has a timeout of 15


@dataclass(frozen=True)
class Estimate:
    """A run of the job on Glue: its G.1X workers with the driver, and what is billed."""

    workers: int
    minutes: float
    dollars: float


def estimate(raw_gb: float, gb_per_core_minute: float) -> Estimate:
    """Estimate a run on so much raw JSON."""
    worker_minutes = raw_gb / (gb_per_core_minute * CORES_PER_WORKER)
    workers = max(MINIMUM_WORKERS, 1 + math.ceil(worker_minutes / TARGET_MINUTES))
    minutes = max(MINIMUM_MINUTES, worker_minutes / (workers - 1))
    return Estimate(workers, minutes, workers * minutes / 60 * DOLLARS_PER_DPU_HOUR)
