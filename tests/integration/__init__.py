"""Tests that run more than one part: the synthesized template, the job on Spark, the embedded services."""
