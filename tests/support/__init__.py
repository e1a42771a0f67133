"""Helpers of the tests: no suite imports from another."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]
