"""What must be in the bucket, put there on creation and taken out on deletion."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import CustomResource, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.acknowledgements import acknowledge_objects
from stacks.storage import SCRIPTS, SEGMENT_LOGS, DataBucket

_HERE = Path(__file__).parent
# The line of handler.py that goes when both files become the Lambda's one `index.py`.
_IMPORT = "from stacks.bucket_contents.simulated_shop import log_files\n"


def inline_source() -> str:
    """The Lambda's code: the generator and the handler as one module.

    Inline code is a single file, and needs no asset bucket: the same on every target.
    """
    handler = (_HERE / "handler.py").read_text(encoding="utf-8")
    if handler.count(_IMPORT) != 1:
        raise ValueError(f"handler.py must contain this line once: {_IMPORT!r}")
    generator = (_HERE / "simulated_shop.py").read_text(encoding="utf-8")
    return generator + "\n\n" + handler.replace(_IMPORT, "")


class BucketContents(Construct):
    """Writes the sample logs when the stack is made; empties the bucket when it is deleted.

    It also writes `objects`, texts by their keys, and writes them again when they change. CDK's
    own `auto_delete_objects` and `BucketDeployment` would bring file assets, and a log group that
    stays; see docs/decisions/0001.

    Attributes:
        contents: the custom resource; whatever it depends on comes before it and goes after it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        data_bucket: DataBucket,
        objects: Mapping[str, str],
        removal_policy: RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        bucket = data_bucket.bucket
        folders = [SEGMENT_LOGS, *([SCRIPTS] if objects else [])]
        log_group = logs.LogGroup(
            self,
            "Log",
            removal_policy=RemovalPolicy.DESTROY,
            retention=logs.RetentionDays.TWO_WEEKS,
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "BucketContents": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=[
                                "s3:ListBucket",
                                "s3:ListBucketVersions",
                                "s3:ListBucketMultipartUploads",
                                "s3:PutBucketPolicy",
                            ],
                            resources=[bucket.bucket_arn],
                        ),
                        iam.PolicyStatement(
                            # To read and to list: what was edited is kept at an update.
                            actions=["s3:GetObject", "s3:PutObject"],
                            resources=[bucket.arn_for_objects(f"{name}*") for name in folders],
                        ),
                        iam.PolicyStatement(
                            actions=[
                                "s3:DeleteObject",
                                "s3:DeleteObjectVersion",
                                "s3:AbortMultipartUpload",
                            ],
                            resources=[bucket.arn_for_objects("*")],
                        ),
                        # Streams only: a role that may make the group makes it again after
                        # the stack has gone.
                        iam.PolicyStatement(
                            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                            resources=[log_group.log_group_arn],
                        ),
                    ]
                )
            },
        )
        function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(inline_source()),
            environment={"BUCKET": bucket.bucket_name, "PREFIX": SEGMENT_LOGS},
            log_group=log_group,
            # One whole vCPU, which the sample data is made on.
            memory_size=1769,
            role=iam.Role.from_role_arn(self, "FunctionRole", role.role_arn, mutable=False),
            timeout=Duration.minutes(15),
        )
        self.contents = CustomResource(
            self,
            "SampleData",
            resource_type="Custom::BucketContents",
            service_token=function.function_arn,
            service_timeout=Duration.minutes(15),
            removal_policy=removal_policy,
            properties={"Objects": dict(objects)} if objects else None,
        )
        for name in folders:
            acknowledge_objects(
                role, bucket, f"{name}*", "What it writes is many files below this prefix"
            )
        acknowledge_objects(
            role, bucket, "*", "Emptying the stack's own bucket means every object in it"
        )
