"""Repeats a script's work in one process: `warm.py TIMES SCRIPT [ARGUMENT...]`.

Each time it prints a line, `SECONDS <how long it took>`. The first time is a cold start.
"""

import sys
import time
from importlib.util import module_from_spec, spec_from_file_location


def main() -> None:
    """Load the script as a module, so that its `main()` runs only when it is called."""
    times, script = int(sys.argv[1]), sys.argv[2]
    spec = spec_from_file_location("script", script)
    if spec is None or spec.loader is None:
        raise ImportError(script)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.argv = sys.argv[2:]
    for _ in range(times):
        start = time.perf_counter()
        module.main()
        sys.stdout.write(f"SECONDS {time.perf_counter() - start:.4f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
