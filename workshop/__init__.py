"""The organizer's command line: `python -m workshop`."""
