"""A floor: Spark decompresses the input, finds the ends of its lines, and does nothing else."""

import sys

from awsglue.context import GlueContext
from awsglue.utils import getResolvedOptions
from pyspark import SparkContext


def main() -> None:
    """Count the lines, in partitions as small as the job's."""
    args = getResolvedOptions(sys.argv, ["S3_JSON_INPUT_PATH"])
    spark = GlueContext(SparkContext.getOrCreate()).spark_session
    spark.conf.set("spark.sql.files.maxPartitionBytes", 8 * 1024 * 1024)
    spark.conf.set("spark.sql.files.openCostInBytes", 1024 * 1024)
    lines = spark.read.text(args["S3_JSON_INPUT_PATH"], recursiveFileLookup=True)
    sys.stdout.write(f"{lines.count()} lines\n")


if __name__ == "__main__":
    main()
