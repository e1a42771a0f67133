"""Tests that run several parts together: the template, the job on Spark, embedded services."""
