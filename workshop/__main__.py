"""Runs the command line: `workshop`, or `python -m workshop`."""

import sys


def main() -> None:
    """Run it, if it is set up."""
    try:
        from workshop.commands.app import main as run  # noqa: PLC0415 - it may not be installed
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in {"workshop", "stacks", "embedded_aws"}:
            raise
        sys.exit(f"Error: {error.name} is not installed.\nNext:  make setup")
    run()


if __name__ == "__main__":
    main()
