"""Acknowledging a finding of cdk-nag: one finding, on one construct, with the reason."""

from typing import cast

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk.aws_s3 import Bucket, CfnBucket
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge one finding of the AWS Solutions pack on one construct.

    Args:
        construct: the construct that the finding is about.
        rule: the rule without its pack, with the finding where the rule has several:
            `S1`, `IAM5[Resource::*]`.
        reason: why the finding is right for a workshop's account; it goes into the documentation.
    """
    Validations.of(construct).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )


def acknowledge_objects(construct: IConstruct, bucket: Bucket, pattern: str, reason: str) -> None:
    """Acknowledge that a role's policy names a bucket's objects by a pattern (rule IAM5)."""
    logical_id = Stack.of(construct).get_logical_id(cast("CfnBucket", bucket.node.default_child))
    acknowledge(construct, f"IAM5[Resource::<{logical_id}.Arn>/{pattern}]", reason)
