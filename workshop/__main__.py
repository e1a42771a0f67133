"""Runs the command line: `python -m workshop`."""

from workshop.cli import main

main()
