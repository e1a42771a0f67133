"""The local console: the exercise in a browser, for the embedded AWS and for an account alike."""
