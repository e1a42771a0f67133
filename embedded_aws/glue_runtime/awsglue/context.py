"""The entry point of a Glue script."""

from pyspark import SparkContext
from pyspark.sql import SparkSession


class GlueContext:
    """Holds the Spark session of a job.

    Args:
        spark_context: the running context, from `SparkContext.getOrCreate()`.
    """

    def __init__(self, spark_context: SparkContext) -> None:
        self.spark_session = SparkSession(spark_context)
