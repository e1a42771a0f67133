"""Runs the command line: `workshop`, or `python -m workshop`."""

import sys

OURS = {"embedded_aws", "release", "stacks", "workshop"}


def main() -> None:
    """Run the command line, or say how to install what it needs."""
    try:
        from workshop.commands.app import main as run  # noqa: PLC0415 - it may not be installed

        run()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in OURS:
            raise
        sys.exit(f"error: the Python package {package} is not installed.\nNext: make setup")


if __name__ == "__main__":
    main()
