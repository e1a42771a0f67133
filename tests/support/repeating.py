"""Runs Glue scripts one after another in a process where Spark starts once; see `live_job`."""

import contextlib
import io
import json
import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Answer each request of the pipe, a line with a script and its arguments, by a line."""
    pipe, environment = sys.argv[1:]
    os.environ.update(json.loads(environment))
    with Path(pipe).open(encoding="utf-8") as requests:
        for request in requests:
            sys.argv[:] = json.loads(request)
            output, error = io.StringIO(), ""
            try:
                with contextlib.redirect_stdout(output):
                    runpy.run_path(sys.argv[0], run_name="__main__")
            except BaseException as raised:  # noqa: BLE001 - SystemExit is an answer too
                error = f"{type(raised).__name__}: {raised}"
            sys.stdout.write(f"ANSWER {json.dumps([error, output.getvalue()])}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
