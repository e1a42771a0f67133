"""The custom resource that fills the data bucket and empties it on deletion."""
