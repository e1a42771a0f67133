"""`make bench`: the job beside other ways to do its work, on the same data and the same cores."""
