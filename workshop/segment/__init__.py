"""Segment's side of the exercise: sending simulated events to a workspace."""
