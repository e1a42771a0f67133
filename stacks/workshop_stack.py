"""The one stack: makes the constructs, hands them to each other, and says what came out."""

import re

from aws_cdk import Aws, CfnElement, CfnOutput, LegacyStackSynthesizer, RemovalPolicy, Stack
from constructs import Construct

from stacks import outputs
from stacks.bucket_contents.construct import BucketContents
from stacks.catalog import Catalog
from stacks.config import WorkshopConfig
from stacks.daily import Daily
from stacks.etl import SegmentEtl
from stacks.exploration import Exploration
from stacks.monitoring import Monitoring
from stacks.parameters import WorkshopParameters
from stacks.personalize_access import PersonalizeAccess
from stacks.segment_access import SegmentAccess
from stacks.storage import DataBucket


class WorkshopStack(Stack):
    """The whole exercise environment."""

    def __init__(self, scope: Construct, construct_id: str, *, config: WorkshopConfig) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Segment + Amazon Personalize, Exercise 1: from events to interactions",
            # Without assets there is nothing that a bootstrap would be needed for.
            synthesizer=LegacyStackSynthesizer() if config.target == "event" else None,
        )
        removal_policy = RemovalPolicy.RETAIN if config.retain_data else RemovalPolicy.DESTROY
        parameters = WorkshopParameters(self, "Parameters")
        data_bucket = DataBucket(self, "Data", parameters=parameters, removal_policy=removal_policy)
        personalize = PersonalizeAccess(self, "Personalize", data_bucket=data_bucket)
        segment = SegmentAccess(self, "Segment", parameters=parameters, data_bucket=data_bucket)
        catalog = Catalog(self, "Catalog", parameters=parameters, data_bucket=data_bucket)
        etl = SegmentEtl(self, "Etl", parameters=parameters, data_bucket=data_bucket, config=config)
        exploration = Exploration(
            self,
            "Athena",
            parameters=parameters,
            data_bucket=data_bucket,
            catalog=catalog,
        )
        contents = BucketContents(
            self,
            "Contents",
            parameters=parameters,
            data_bucket=data_bucket,
            objects=etl.objects,
            modules=etl.modules,
            removal_policy=removal_policy,
        )
        # Deletion runs backwards: with the contents last to come they are first to go, and what
        # else would write is refused while it still is there. (CloudFormation's policy for the
        # bucket must come first: it would replace the one that refuses.)
        contents.resource.node.add_dependency(data_bucket.policy, etl.job, exploration.workgroup)

        if config.schedule:
            Daily(self, "Daily", config=config, data_bucket=data_bucket, etl=etl)

        bucket = data_bucket.bucket.bucket_name
        console = f"https://{Aws.REGION}.console.aws.amazon.com"
        for name, value, description in (  # none where the name says it
            (outputs.BUCKET, bucket, "Raw logs, CSV, query results"),
            (outputs.DATABASE, catalog.database.database_name, None),
            (outputs.JOB, etl.job.job_name, None),
            (outputs.WORKGROUP, exploration.workgroup.ref, None),
            (outputs.PERSONALIZE_ROLE, personalize.role.role_arn, None),
            (
                outputs.BUCKET_CONSOLE,
                f"{console}/s3/buckets/{bucket}?region={Aws.REGION}",
                None,
            ),
            (
                outputs.ATHENA_CONSOLE,
                f"{console}/athena/home?region={Aws.REGION}#/query-editor/saved-queries",
                "Saved queries; choose the workgroup first",
            ),
            (
                outputs.JOB_CONSOLE,
                f"{console}/gluestudio/home?region={Aws.REGION}#/editor/job/{etl.job.job_name}/script",
                None,
            ),
        ):
            CfnOutput(self, name, value=value, description=description)
        # For who deploys by the CDK; the one file for events has no room for it.
        if config.target == "account":
            monitoring = Monitoring(self, "Monitoring", etl=etl, exploration=exploration)
            CfnOutput(
                self,
                outputs.DASHBOARD_CONSOLE,
                value=monitoring.console,
                description="Opens the dashboard: job runs, records by outcome, bytes scanned",
            )
        CfnOutput(
            self,
            outputs.SEGMENT_ROLE,
            value=segment.role.role_arn,
            condition=parameters.has_segment_workspace,
        )

    def _allocate_logical_id(self, cfn_element: CfnElement) -> str:
        """The id without CDK's hash: who reads the stack's events reads `EtlJob`.

        Nothing here is deep enough to need the hash; CDK refuses two equal ids.
        """
        return re.sub(r"[0-9A-F]{8}$", "", super()._allocate_logical_id(cfn_element))
