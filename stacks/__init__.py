"""The CDK stack of the exercise environment and its constructs, one capability a file."""
