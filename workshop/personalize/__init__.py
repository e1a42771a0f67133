"""Amazon Personalize's side of the exercise: the CSV imported, looked at, and removed again."""
