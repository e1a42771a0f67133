"""Runs `python -m workshop` as often as it is asked to, each time in a process of its own.

To import the command line takes a second: the process that is asked has done it, and forks.

Run: python -m tests.support.prompt
"""

import json
import os
import runpy
import sys
import zoneinfo  # noqa: F401

# So that no command has to; Typer imports pydantic when it runs one.
import pydantic.type_adapter  # noqa: F401

import workshop.commands.app  # noqa: F401


def main() -> None:
    """Answer each request on standard input by the exit code of the command that it names."""
    for request in sys.stdin:
        words, environment, files = json.loads(request)
        child = os.fork()
        if not child:
            _run(words, environment, files)
            return
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(words: list[str], environment: dict[str, str], files: list[str]) -> None:
    """Do what a new process would; `files` stand for the three standard streams."""
    os.setsid()
    for stream, file in enumerate(files):
        os.dup2(os.open(file, os.O_RDWR), stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["workshop", *words]
    runpy.run_module("workshop", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
