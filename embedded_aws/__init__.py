"""The embedded AWS: MiniStack on loopback, with what it lacks for this exercise."""
