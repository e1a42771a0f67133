"""What users of awswrangler and PyAthena do, run by their own environment; prints JSON.

Run: PYTHON athena_clients.py BUCKET DATABASE WORKGROUP
"""

import json
import sys

import awswrangler  # type: ignore[import-not-found]
import pyathena  # type: ignore[import-not-found]
from pyathena.pandas.cursor import PandasCursor  # type: ignore[import-not-found]

BUCKET, DATABASE, WORKGROUP = sys.argv[1:4]
IDS = "SELECT messageId FROM segment_logs WHERE version = 2"


def read(sql: str, **options: object) -> object:
    """Read a query's rows by awswrangler."""
    given = {"ctas_approach": False, "database": DATABASE, "workgroup": WORKGROUP, **options}
    return awswrangler.athena.read_sql_query(sql, **given).to_numpy().tolist()


def execute(sql: str, *arguments: object, **options: object) -> object:
    """Read a query's rows by PyAthena."""
    connection = pyathena.connect(schema_name=DATABASE, work_group=WORKGROUP)
    return [[*row] for row in connection.cursor().execute(sql, *arguments, **options).fetchall()]


frame = pyathena.connect(schema_name=DATABASE, work_group=WORKGROUP).cursor(PandasCursor)
clicks = f"{IDS} AND event = ?"
unloaded = {"unload_approach": True, "s3_output": f"s3://{BUCKET}/unloaded/awswrangler/"}
sys.stdout.write(
    json.dumps(
        {
            "awswrangler": read(IDS),
            "awswrangler, CTAS": read(IDS, ctas_approach=True),
            "awswrangler, UNLOAD": read(IDS, **unloaded),
            "awswrangler, qmark": read(clicks, params=["'Product Clicked'"], paramstyle="qmark"),
            "awswrangler, describe": awswrangler.athena.describe_table(
                database=DATABASE, table="segment_logs", workgroup=WORKGROUP
            ).shape[0],
            "PyAthena": execute(IDS),
            "PyAthena, qmark": execute(clicks, ["'Product Clicked'"], paramstyle="qmark"),
            "PyAthena, timestamp": str(execute("SELECT timestamp '2020-01-01 00:00:00'")),
            "PyAthena, pandas": frame.execute(IDS).as_pandas().to_numpy().tolist(),
        }
    )
)
