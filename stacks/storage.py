"""The data bucket."""

from typing import cast

from aws_cdk import Duration, Fn, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.acknowledgements import acknowledge, everywhere
from stacks.parameters import WorkshopParameters

# The folders of the bucket (DESIGN.md fixes their names; participants see them).
SEGMENT_LOGS = "segment-logs/"
TRANSFORMED = "transformed/"
REJECTED = "rejected/"
ATHENA_RESULTS = "athena-results/"
SCRIPTS = "scripts/"


class DataBucket(Construct):
    """`personalize-data-<account id>`: raw logs, the job's output, and Athena's results.

    Attributes:
        bucket: the bucket; encrypted, private, TLS only, versioned so that what a participant
            overwrites by mistake is there for a day.
        policy: the bucket's policy.
        logs: the S3 URL of the raw logs: the bucket's own, or those of `ExistingLogs`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: WorkshopParameters,
        removal_policy: RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=parameters.bucket_name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    noncurrent_version_expiration=Duration.days(1),
                )
            ],
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=removal_policy,
            versioned=True,
        )
        self.logs = Fn.condition_if(
            parameters.has_existing_logs.logical_id,
            f"{parameters.existing_logs}/",
            self.bucket.s3_url_for_object(SEGMENT_LOGS),
        ).to_string()
        # On deletion, BucketContents closes the bucket for writing by a statement in this policy.
        # Were the policy deleted before the bucket, a late writer could fill the bucket between
        # the two; kept, it goes with the bucket itself.
        self.policy = cast("s3.BucketPolicy", self.bucket.policy)
        cast("s3.CfnBucketPolicy", self.policy.node.default_child).apply_removal_policy(
            RemovalPolicy.RETAIN
        )
        acknowledge(
            self.bucket,
            "No server access logs",
            ["AwsSolutions-S1", *everywhere("S3BucketLoggingEnabled"), "CKV_AWS_18"],
            "They need a second bucket, and arrive hours later: that bucket would fill again while "
            "the stack is deleted, and stay. CloudTrail can record access to the data as well",
        )
        acknowledge(
            self.bucket,
            "No replication to another region",
            everywhere("S3BucketReplicationEnabled"),
            "The sample data is made again by one deployment, the CSV by one run of the job; a "
            "copy elsewhere would double the cost and outlive the workshop",
        )
        acknowledge(
            self.bucket,
            "Encrypted with S3's own keys, not with a KMS key",
            everywhere("S3DefaultEncryptionKMS"),
            "A key of the stack's own costs $1 a month, outlives the stack by a week at least, and "
            "Segment, Personalize and every participant would need rights on it",
        )
