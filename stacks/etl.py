"""The Glue job that turns Segment logs into the interactions CSV."""

from pathlib import Path
from typing import cast

from aws_cdk import Aws, CfnResource, Duration, Fn, RemovalPolicy
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.acknowledgements import acknowledge, acknowledge_objects, acknowledge_own_key
from stacks.config import WorkshopConfig
from stacks.own_account import FROM_OWN_ACCOUNT, OWN_ACCOUNT
from stacks.parameters import WorkshopParameters
from stacks.storage import REJECTED, SCRIPTS, SEGMENT_LOGS, TRANSFORMED, DataBucket

SCRIPTS_FOLDER = Path(__file__).parent.parent / "glue_scripts"
# The script is what participants read; the helper is the module that it imports.
SCRIPT = SCRIPTS_FOLDER / "segment_events_to_csv.py"
HELPER = SCRIPTS_FOLDER / "segment_io.py"


class SegmentEtl(Construct):
    """The job `SegmentEventsJsonToCsv`, its role and its log groups.

    Attributes:
        job: the job. `--S3_CSV_OUTPUT_PATH` has a default; a run may name another path.
        output_log: the log group of what the script prints.
        objects: what the job needs in the data bucket, texts by their keys: its script, where
            there is no asset bucket to bring it.
        modules: likewise the module that the script imports.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: WorkshopParameters,
        data_bucket: DataBucket,
        config: WorkshopConfig,
    ) -> None:
        super().__init__(scope, construct_id)
        bucket = data_bucket.bucket
        logs_folder, output, rejected = (
            folder.rstrip("/") for folder in (SEGMENT_LOGS, TRANSFORMED, REJECTED)
        )
        # Where the job finds its script is decided here and nowhere else.
        self.objects: dict[str, str] = {}
        self.modules: dict[str, str] = {}
        if config.target == "event":
            script_bucket: s3.IBucket = bucket
            script_key, helper_key = SCRIPTS + SCRIPT.name, SCRIPTS + HELPER.name
            self.objects[script_key] = SCRIPT.read_text(encoding="utf-8")
            self.modules[helper_key] = HELPER.read_text(encoding="utf-8")
        else:
            script = assets.Asset(self, "Script", path=str(SCRIPT))
            # A folder becomes a zip, in which the module keeps its name; a file would lose it.
            helper = assets.Asset(
                self, "Helper", path=str(SCRIPTS_FOLDER), exclude=["*", f"!{HELPER.name}"]
            )
            script_bucket, script_key = script.bucket, script.s3_object_key
            helper_key = helper.s3_object_key
        # Glue would make these groups itself and never delete them: they are the stack's.
        log_prefix = f"/aws-glue/{parameters.job_name}"
        log_groups = [
            logs.LogGroup(
                self,
                f"{stream.capitalize()}Log",
                log_group_name=f"{log_prefix}/{stream}",
                removal_policy=RemovalPolicy.DESTROY,
                retention=logs.RetentionDays.TWO_WEEKS,
            )
            for stream in ("output", "error")
        ]
        # S3A, Glue's S3 connector, uploads every file in parts: what a failed or stopped run has
        # not finished, it lists and aborts. Source: Cloudera, "IAM role permissions for working
        # with S3": a set of rights between reading and this one fails "partway through".
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            statements=[
                iam.PolicyStatement(
                    actions=["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetObject"],
                    resources=[
                        bucket.bucket_arn,
                        # The folder's own name, too: Hadoop's S3 connectors first ask whether an
                        # object has it (or it with `_$folder$`), and are refused without the right.
                        bucket.arn_for_objects(f"{logs_folder}*"),
                        script_bucket.arn_for_objects(script_key),
                        script_bucket.arn_for_objects(helper_key),
                    ],
                    conditions=OWN_ACCOUNT,
                ),
                # `transformed/`, and beside it `transformed-staging/`, where a run's CSV is written
                # before it is moved into place.
                iam.PolicyStatement(
                    actions=[
                        "s3:GetObject",
                        "s3:PutObject",
                        "s3:DeleteObject",
                        "s3:AbortMultipartUpload",
                    ],
                    resources=[
                        bucket.arn_for_objects(f"{output}*"),
                        bucket.arn_for_objects(f"{rejected}*"),
                    ],
                    conditions=OWN_ACCOUNT,
                ),
                # AWS's own policies for Glue may make the group and look for streams, too; whether
                # Glue's log agent gives up without is not documented. Source: AWS Glue Developer
                # Guide, "AWSGlueServiceRole"; amazon-cloudwatch-agent, pull request 85.
                iam.PolicyStatement(
                    actions=[
                        "logs:CreateLogGroup",
                        "logs:CreateLogStream",
                        "logs:DescribeLogStreams",
                        "logs:PutLogEvents",
                    ],
                    resources=[group.log_group_arn for group in log_groups],
                ),
            ],
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com", conditions=FROM_OWN_ACCOUNT),
            managed_policies=[policy],
        )

        # These logs may be another account's: a role may read them only where their bucket's own
        # policy lets it, and nothing is allowed but to read.
        def arn(url: str) -> str:
            return Fn.join("arn:aws:s3:::", Fn.split("s3://", url))

        bucket_name = Fn.select(2, Fn.split("/", parameters.existing_logs))
        read_existing = iam.ManagedPolicy(
            self,
            "ExistingLogs",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["s3:GetObject", "s3:ListBucket"],
                    resources=[
                        f"arn:aws:s3:::{bucket_name}",
                        arn(parameters.existing_logs),  # the folder's own name, as above
                        arn(f"{parameters.existing_logs}/*"),
                    ],
                )
            ],
        )
        cast(
            "CfnResource", read_existing.node.default_child
        ).cfn_options.condition = parameters.has_existing_logs
        self.output_log = log_groups[0]
        self.job = glue.PySparkEtlJob(
            self,
            "Job",
            job_name=parameters.job_name,
            description="Segment events (JSON) to Amazon Personalize interactions (CSV)",
            # The policy above is complete; CDK would add read access to the whole asset bucket.
            role=iam.Role.from_role_arn(self, "JobRole", role.role_arn, mutable=False),
            script=glue.Code.from_bucket(script_bucket, script_key),
            extra_python_files=[glue.Code.from_bucket(script_bucket, helper_key)],
            glue_version=glue.GlueVersion.V6_0,
            worker_configuration=glue.WorkerConfiguration(
                worker_type=glue.WorkerType.G_1X, number_of_workers=2
            ),
            timeout=Duration.minutes(15),
            max_concurrent_runs=1,
            # A trigger's run is lost while another one is under way, unless it is queued.
            job_run_queuing_enabled=bool(config.schedule),
            max_retries=0,
            # They would need a right on every resource; what the dashboard shows is in the log.
            enable_metrics=False,
            enable_observability_metrics=False,
            # Since Glue 5.0 logs always arrive while the job runs, in the groups above; this
            # switch only names groups of older versions.
            continuous_logging=glue.ContinuousLoggingProps(enabled=False),
            default_arguments={
                "--S3_JSON_INPUT_PATH": data_bucket.logs,
                "--S3_CSV_OUTPUT_PATH": bucket.s3_url_for_object(output),
                "--S3_REJECTED_PATH": bucket.s3_url_for_object(rejected),
                # Without it S3A's first calls go to us-east-2, which a policy may deny. Source: AWS
                # Glue Developer Guide, "Migrating AWS Glue jobs to AWS Glue version 5.1".
                "--conf": f"spark.hadoop.fs.s3a.endpoint.region={Aws.REGION}",
                "--custom-logGroup-prefix": log_prefix,
                "--enable-auto-scaling": "true",
            },
        )
        self.job.node.add_dependency(*log_groups)
        acknowledge_objects(
            policy,
            bucket,
            [f"{logs_folder}*", f"{output}*", f"{rejected}*"],
            "The job reads every raw log, and owns the folders that it writes: its output's, the "
            "staging folder beside it, and that of the records that it rejects",
        )
        named = '{"Fn::Join":["arn:aws:s3:::",{"Fn::Split":["s3://",{"Ref":"ExistingLogs"}/*]}]}'
        acknowledge(
            read_existing,
            "Objects named by patterns",
            [f"AwsSolutions-IAM5[Resource::{named}]"],
            "The job reads every log of the folder that was named, and may do nothing else there",
        )
        acknowledge(
            self.job,
            "No security configuration with a KMS key",
            ["AwsSolutions-GL1", "AwsSolutions-GL3", "CKV_AWS_195"],
            "S3 and CloudWatch encrypt what the job writes with keys of their own; its logs hold "
            "counts and no data, and it has no bookmarks",
        )
        for group in log_groups:
            acknowledge_own_key(group)
