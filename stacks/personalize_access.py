"""What lets Amazon Personalize read the interactions CSV."""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.acknowledgements import acknowledge_objects
from stacks.own_account import FROM_OWN_ACCOUNT
from stacks.storage import TRANSFORMED, DataBucket


class PersonalizeAccess(Construct):
    """The service role of a dataset import job, and Personalize's part of the bucket policy.

    Personalize reads through both; each is bound to this account, so that no other account's
    Personalize can be talked into it (the confused deputy).
    Source: docs.aws.amazon.com/personalize/latest/dg/granting-personalize-s3-access.html

    Attributes:
        role: the role to choose when importing the CSV.
    """

    def __init__(self, scope: Construct, construct_id: str, *, data_bucket: DataBucket) -> None:
        super().__init__(scope, construct_id)
        bucket = data_bucket.bucket
        principal = iam.ServicePrincipal(
            "personalize.amazonaws.com",
            conditions={
                **FROM_OWN_ACCOUNT,
                "ArnLike": {
                    "aws:SourceArn": (
                        f"arn:{Aws.PARTITION}:personalize:{Aws.REGION}:{Aws.ACCOUNT_ID}:*"
                    )
                },
            },
        )
        policy = iam.ManagedPolicy(self, "Policy", statements=[_read(bucket)])
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=principal,
            managed_policies=[policy],
        )
        bucket.add_to_resource_policy(_read(bucket, principal))
        acknowledge_objects(
            policy, bucket, [f"{TRANSFORMED}*"], "Personalize imports every CSV of this folder"
        )


def _read(bucket: s3.Bucket, *principals: iam.IPrincipal) -> iam.PolicyStatement:
    """Read the folder, as Personalize documents it: one statement for its list and its files.

    No condition on the prefix: which one it lists with is not documented, and the keys give
    nothing away.
    """
    return iam.PolicyStatement(
        principals=list(principals),
        actions=["s3:GetObject", "s3:ListBucket"],
        resources=[bucket.bucket_arn, bucket.arn_for_objects(f"{TRANSFORMED}*")],
    )
