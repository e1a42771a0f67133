"""What lets a Segment workspace write its logs into the bucket."""

from typing import cast

from aws_cdk import CfnResource
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.acknowledgements import acknowledge_objects
from stacks.own_account import OWN_ACCOUNT
from stacks.parameters import WorkshopParameters
from stacks.storage import SEGMENT_LOGS, DataBucket

# Source: twilio.com/docs/segment/connections/storage/catalog/aws-s3, with IAM.
SEGMENT_PRINCIPAL = "arn:aws:iam::595280932656:role/segment-s3-integration-production-access"


class SegmentAccess(Construct):
    """The role that Segment's S3 destination assumes, made only for a given workspace.

    Attributes:
        role: the role; exists only where `parameters.has_segment_workspace` holds.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: WorkshopParameters,
        data_bucket: DataBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            statements=[
                iam.PolicyStatement(
                    # PutObjectAcl is on Segment's list although ACLs are off here: its test of
                    # the destination asks for it.
                    actions=["s3:PutObject", "s3:PutObjectAcl"],
                    resources=[data_bucket.bucket.arn_for_objects(f"{SEGMENT_LOGS}*")],
                    conditions=OWN_ACCOUNT,
                )
            ],
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ArnPrincipal(SEGMENT_PRINCIPAL).with_conditions(
                {"StringEquals": {"sts:ExternalId": parameters.segment_workspace_id}}
            ),
            managed_policies=[policy],
        )
        for construct in (policy, self.role):
            cast(
                "CfnResource", construct.node.default_child
            ).cfn_options.condition = parameters.has_segment_workspace
        acknowledge_objects(
            policy,
            data_bucket.bucket,
            [f"{SEGMENT_LOGS}*"],
            "Segment names its own files, and writes below this prefix only",
        )
