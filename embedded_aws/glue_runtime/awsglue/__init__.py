"""Stands in for Glue's library where a Glue script runs outside Glue: what scripts here use of it.

It accepts no more than Glue's does, so that a script that runs here starts there.
"""
