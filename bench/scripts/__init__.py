"""What is measured: each module runs as a script of its own and has a `main()` to repeat.

Those for Spark are written as Glue scripts and started like one; all take the job's arguments.
"""
