"""The process of one contestant: does its work as often as asked for, and says how long it took.

Run as a script: `repeat.py MODULE INPUT OUTPUT REPETITIONS [ARGUMENT ...]`. For each repetition it
prints a line `SECONDS <seconds>`.
"""

import sys
import time
from importlib import import_module
from pathlib import Path

SECONDS = "SECONDS"


def main() -> None:
    """Run the contestant that the command line names."""
    module, input_folder, output, repetitions, *arguments = sys.argv[1:]
    transform = import_module(f"bench.contestants.{module}").transform
    for _ in range(int(repetitions)):
        start = time.perf_counter()
        transform(Path(input_folder), Path(output), *arguments)
        print(SECONDS, time.perf_counter() - start, flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # this is a script of a package
    main()
