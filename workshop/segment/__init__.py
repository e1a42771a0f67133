"""Segment's side of the exercise: a workspace that sets itself up, and events that go into it."""
