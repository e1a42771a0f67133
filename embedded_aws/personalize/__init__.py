"""A small Personalize, made from the model of the service."""
