"""What must be in the bucket, put there on creation and taken out on deletion."""

import base64
import bz2
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import CustomResource, Duration, Fn, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct
from python_minifier import minify

from stacks.acknowledgements import (
    HIPAA,
    NIST,
    acknowledge,
    acknowledge_objects,
    acknowledge_own_key,
    everywhere,
)
from stacks.bucket_contents.handler import READY_MADE
from stacks.own_account import FROM_OWN_ACCOUNT, OWN_ACCOUNT
from stacks.parameters import WorkshopParameters
from stacks.storage import SCRIPTS, SEGMENT_LOGS, DataBucket

_HERE = Path(__file__).parent
HANDLER, GENERATOR = _HERE / "handler.py", _HERE / "simulated_shop.py"
# What handler.py has as a module of its own, and not where both are one.
_OWN_LINES = (
    "from stacks.bucket_contents.simulated_shop import log_files\n",
    'BUCKET = "${DataBucket}"  # CloudFormation puts its name here\n',
)
# All that the Lambda's code says in words: which bucket it works on.
INLINE_SOURCE = """\
import base64, bz2
BUCKET = "${DataBucket}"
# handler.py and simulated_shop.py of stacks/bucket_contents, minified. docs/security.md reads them.
exec(bz2.decompress(base64.b85decode("${Code}")))
"""


def source() -> str:
    """The generator and the handler as one module, minified, without the bucket's name.

    Inline code is a single file, and needs no asset bucket: the same on every target.
    """
    handler = HANDLER.read_text(encoding="utf-8")
    for line in _OWN_LINES:
        if handler.count(line) != 1:
            raise ValueError(f"handler.py must contain this line once: {line!r}")
        handler = handler.replace(line, "")
    text = GENERATOR.read_text(encoding="utf-8") + handler
    return minify(text, remove_literal_statements=True, hoist_literals=False)


def compressed(text: str) -> str:
    """A text that nobody reads in the template: the Lambda decodes it."""
    return base64.b85encode(bz2.compress(text.encode())).decode()


class BucketContents(Construct):
    """Writes sample logs when the stack is made; empties the bucket when it is deleted.

    There are none where real logs are expected. It also writes `objects` and `modules`, texts by
    their keys, and writes them again when they change; the modules travel compressed. CDK's own
    `auto_delete_objects` and `BucketDeployment` would bring file assets, and a log group that
    stays; see docs/decisions/0001.

    Attributes:
        resource: the custom resource; whatever it depends on comes before it and goes after it.
    """

    def __init__(  # noqa: PLR0913 - what is to be read, and what is not
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: WorkshopParameters,
        data_bucket: DataBucket,
        objects: Mapping[str, str],
        modules: Mapping[str, str],
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
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            statements=[
                # To close the bucket and to empty it.
                iam.PolicyStatement(
                    actions=[
                        "s3:ListBucketVersions",
                        "s3:ListBucketMultipartUploads",
                        "s3:PutBucketPolicy",
                        "s3:DeleteObject",
                        "s3:DeleteObjectVersion",
                        "s3:AbortMultipartUpload",
                    ],
                    resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
                    conditions=OWN_ACCOUNT,
                ),
                iam.PolicyStatement(
                    actions=["s3:PutObject"],
                    resources=[
                        *(bucket.arn_for_objects(f"{name}*") for name in folders),
                        bucket.arn_for_objects(READY_MADE),
                    ],
                    conditions=OWN_ACCOUNT,
                ),
                # To find and copy what somebody has edited, before an update replaces it.
                *(
                    iam.PolicyStatement(
                        actions=["s3:ListBucket", "s3:GetObject"],
                        resources=[bucket.bucket_arn, bucket.arn_for_objects(f"{name}*")],
                        conditions=OWN_ACCOUNT,
                    )
                    for name in folders
                    if name != SEGMENT_LOGS
                ),
                # Streams only: a role that may make the group makes it again after the stack has
                # gone.
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[log_group.log_group_arn],
                ),
            ],
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com", conditions=FROM_OWN_ACCOUNT),
            managed_policies=[policy],
        )
        function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            # The bucket's name is part of the code: nothing that the function is sent, or
            # configured with, can name another one.
            code=lambda_.Code.from_inline(
                Fn.sub(
                    INLINE_SOURCE,
                    {"DataBucket": bucket.bucket_name, "Code": compressed(source())},
                )
            ),
            log_group=log_group,
            # One whole vCPU, which the sample data is made on.
            memory_size=1769,
            role=iam.Role.from_role_arn(self, "FunctionRole", role.role_arn, mutable=False),
            timeout=Duration.minutes(15),
        )
        self.resource = CustomResource(
            self,
            "SampleData",
            resource_type="Custom::BucketContents",
            service_token=function.function_arn,
            service_timeout=Duration.minutes(15),
            removal_policy=removal_policy,
            properties={
                # With another name (BucketSuffix) CloudFormation calls the function, which refuses.
                "Bucket": bucket.bucket_name,
                "SampleData": Fn.condition_if(parameters.has_sample_data.logical_id, "yes", "no"),
                **({"Objects": dict(objects)} if objects else {}),
                **({"Packed": {k: compressed(v) for k, v in modules.items()}} if modules else {}),
            },
        )
        acknowledge_objects(
            policy,
            bucket,
            [*(f"{name}*" for name in folders), "*"],
            "What it writes is many files below these prefixes, and to empty the stack's own "
            "bucket on deletion it deletes whatever is in it",
        )
        acknowledge_own_key(log_group)
        acknowledge(
            function,
            "No reserved concurrency",
            [f"{NIST}-LambdaConcurrency", f"{HIPAA}-LambdaConcurrency", "CKV_AWS_115"],
            "CloudFormation calls it once at a time. New accounts, as events have them, may run 10 "
            "functions at once and cannot reserve any: the deployment would fail",
        )
        acknowledge(
            function,
            "No dead-letter queue",
            [f"{NIST}-LambdaDLQ", f"{HIPAA}-LambdaDLQ", "Serverless-LambdaDLQ", "CKV_AWS_116"],
            "CloudFormation waits for its answer, and shows a failure with its reason as the "
            "stack's; nobody would look into a queue",
        )
        acknowledge(
            function,
            "Not in a VPC",
            [*everywhere("LambdaInsideVPC"), "CKV_AWS_117"],
            "It talks to S3 and to CloudFormation only, over TLS; a VPC with its endpoints or a "
            "NAT gateway would cost more than everything else here",
        )
        acknowledge(
            function,
            "No X-Ray tracing",
            ["Serverless-LambdaTracing"],
            "One call at creation and one at deletion are told by their log; tracing needs a right "
            "on every resource",
        )
