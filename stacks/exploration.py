"""Athena: the workgroup of the exercise and its saved queries."""

import re
from pathlib import Path

from aws_cdk import Aws, Fn
from aws_cdk import aws_athena as athena
from constructs import Construct

from stacks.catalog import Catalog
from stacks.parameters import WorkshopParameters
from stacks.storage import ATHENA_RESULTS, DataBucket

QUERIES = Path(__file__).parent.parent / "athena"
_HEADER = re.compile(r"^-- (name|description|database): (.+)$", re.MULTILINE)
# A query of the exercise scans about 7 MB; this stops the one that was pointed at much more.
SCAN_LIMIT_BYTES = 10 * 1024**3


class Exploration(Construct):
    """The workgroup `segment-personalize` and a saved query for every file in `athena/`.

    Attributes:
        workgroup: the workgroup; its `ref` is its name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: WorkshopParameters,
        data_bucket: DataBucket,
        catalog: Catalog,
    ) -> None:
        super().__init__(scope, construct_id)
        bucket = data_bucket.bucket
        self.workgroup = athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=parameters.workgroup_name,
            # Otherwise a workgroup with a query history cannot be deleted.
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                bytes_scanned_cutoff_per_query=SCAN_LIMIT_BYTES,
                enforce_work_group_configuration=True,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                publish_cloud_watch_metrics_enabled=True,
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                    expected_bucket_owner=Aws.ACCOUNT_ID,
                    output_location=bucket.s3_url_for_object(ATHENA_RESULTS),
                ),
            ),
        )
        for path in sorted(QUERIES.glob("*.sql")):
            text = path.read_text(encoding="utf-8")
            header = dict(_HEADER.findall(text))
            text = _HEADER.sub("", text).strip()
            athena.CfnNamedQuery(
                self,
                path.stem[:2],
                name=header["name"],
                description=header["description"],
                database=header.get("database", catalog.database.database_name),
                # The one name of the stack that a statement needs is its bucket's: ${DataBucket}.
                query_string=Fn.sub(text) if "${" in text else text,
                work_group=self.workgroup.ref,
            )
