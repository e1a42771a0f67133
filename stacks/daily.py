"""The job every day: a schedule, and an alarm when a run has failed."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.acknowledgements import acknowledge, everywhere
from stacks.config import WorkshopConfig
from stacks.etl import SegmentEtl
from stacks.storage import TRANSFORMED, DataBucket

# What the job reads "yesterday" as is the UTC day before the run; see docs/job.md.
YESTERDAY = "yesterday"
DAY_FOLDER = "{END_DATE}"


class Daily(Construct):
    """A trigger that runs the job for the day before, and a topic that hears of failed runs.

    A day's CSV goes into a folder of its own, `transformed/<day>/`: Personalize imports it by
    itself, and a run for all days beside it is left alone.

    Attributes:
        trigger: the trigger.
        topic: where failures are published; `alarm_email` is subscribed to it, where it is given.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: WorkshopConfig,
        data_bucket: DataBucket,
        etl: SegmentEtl,
    ) -> None:
        super().__init__(scope, construct_id)
        self.trigger = glue.CfnTrigger(
            self,
            "Trigger",
            type="SCHEDULED",
            schedule=config.schedule,
            start_on_creation=True,
            actions=[
                glue.CfnTrigger.ActionProperty(
                    job_name=etl.job.job_name,
                    arguments={
                        "--START_DATE": YESTERDAY,
                        "--END_DATE": YESTERDAY,
                        "--S3_CSV_OUTPUT_PATH": data_bucket.bucket.s3_url_for_object(
                            f"{TRANSFORMED}{DAY_FOLDER}"
                        ),
                    },
                )
            ],
        )
        self.topic = sns.Topic(self, "Failures", enforce_ssl=True)
        if config.alarm_email:
            mail = sns.Subscription(
                self,
                "Mail",
                topic=self.topic,
                protocol=sns.SubscriptionProtocol.EMAIL,
                endpoint=config.alarm_email,
            )
            acknowledge(
                mail,
                "No dead-letter queue",
                ["Serverless-SNSRedrivePolicy"],
                "SNS tries for hours; a run that nobody hears of is among the job's runs",
            )
        job, state = (
            events.EventField.from_path(f"$.detail.{name}") for name in ("jobName", "state")
        )
        message = events.EventField.from_path("$.detail.message")
        failed = events.Rule(
            self,
            "Failed",
            description="Runs of the Glue job that failed or took too long",
            # Source: AWS Glue Developer Guide, "Automating AWS Glue with EventBridge events".
            event_pattern=events.EventPattern(
                source=["aws.glue"],
                detail_type=["Glue Job State Change"],
                detail={"jobName": [etl.job.job_name], "state": ["FAILED", "TIMEOUT"]},
            ),
            targets=[
                targets.SnsTopic(
                    self.topic,
                    message=events.RuleTargetInput.from_text(
                        f"The Glue job {job} is {state}: {message} Read its log: workshop logs"
                    ),
                )
            ],
        )
        acknowledge(
            self.topic,
            "Not encrypted with a KMS key",
            [*everywhere("SNSEncryptedKMS"), "CKV_AWS_26"],
            "It carries the job's name and error message, no data. EventBridge can only publish to "
            "a topic with a key of the stack's own, which costs $1 a month and outlives the stack",
        )
        acknowledge(
            failed,
            "No dead-letter queue",
            ["Serverless-EventBusDLQ"],
            "EventBridge tries for a day; the failed run stays among the job's runs, and "
            "nobody would look into a queue",
        )
