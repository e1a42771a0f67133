"""How fast the job is, beside other ways to do its work, on one machine: `make bench`."""
