"""Acknowledging what a security rule finds: one finding, on one construct, with the reason."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from aws_cdk import Acknowledgment, App, CfnElement, Stack, Validations
from aws_cdk.aws_s3 import Bucket
from cdk_nag import (
    AwsSolutionsChecks,
    HIPAASecurityChecks,
    NagPack,
    NIST80053R5Checks,
    PCIDSS321Checks,
    ServerlessChecks,
)
from constructs import IConstruct

# The packs of compliance rules, as the names of their rules begin: `PCI.DSS.321-IAMNoInlinePolicy`.
COMPLIANCE = NIST, HIPAA, PCI = "NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"
CHECKOV = "CKV_"
_METADATA = "acknowledgement"


@dataclass(frozen=True)
class Acknowledgement:
    """A finding that is right, and right to be there in a workshop's account.

    Attributes:
        resource: the logical id of the resource that it is about.
        finding: what the rules find, in a few words.
        rules: the names of all rules that find it, cdk-nag's and Checkov's.
        reason: why it is not mended; it goes into the documentation.
    """

    resource: str
    finding: str
    rules: tuple[str, ...]
    reason: str


def packs(app: App) -> list[NagPack]:
    """The packs whose rules every synthesis is held against."""
    return [
        pack(app)
        for pack in (
            AwsSolutionsChecks,
            NIST80053R5Checks,
            HIPAASecurityChecks,
            PCIDSS321Checks,
            ServerlessChecks,
        )
    ]


def acknowledge(construct: IConstruct, finding: str, rules: Sequence[str], reason: str) -> None:
    """Acknowledge one finding on one construct.

    Args:
        construct: the construct that the finding is about.
        finding: what is found, in a few words.
        rules: the rules that find it: cdk-nag's with their packs and with what they found where
            they find several things (`AwsSolutions-IAM5[Resource::*]`), Checkov's (`CKV_AWS_18`).
        reason: why the finding is right for a workshop's account; it goes into the documentation.
    """
    resource = cast("CfnElement", construct.node.default_child)
    logical_id = str(Stack.of(construct).resolve(resource.logical_id))
    entry = Acknowledgement(logical_id, finding, tuple(rules), reason)
    construct.node.add_metadata(_METADATA, json.dumps(asdict(entry)))
    for rule in rules:
        if not rule.startswith(CHECKOV):
            pack = rule.split("-", 1)[0]
            Validations.of(construct).acknowledge(
                Acknowledgment(id=f"{pack}::{rule}", reason=reason)
            )


def acknowledge_objects(
    policy: IConstruct, bucket: Bucket, patterns: Sequence[str], reason: str
) -> None:
    """Acknowledge that a policy names a bucket's objects by patterns."""
    logical_id = Stack.of(policy).get_logical_id(cast("CfnElement", bucket.node.default_child))
    rules = [f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>/{pattern}]" for pattern in patterns]
    acknowledge(policy, "Objects named by patterns", rules, reason)


def acknowledge_own_key(log_group: IConstruct) -> None:
    """Acknowledge that a log group is encrypted with CloudWatch's own key."""
    acknowledge(
        log_group,
        "Encrypted with CloudWatch's own key, not with a KMS key",
        [*everywhere("CloudWatchLogGroupEncrypted"), "CKV_AWS_158"],
        "It holds counts and error messages, no data, and is deleted after 14 days; a key would "
        "cost $1 a month and outlive the stack by a week at least",
    )


def acknowledged(scope: IConstruct) -> list[Acknowledgement]:
    """Everything that is acknowledged in a construct and below it, in the order of the tree."""
    entries = [
        json.loads(entry.data)
        for construct in scope.node.find_all()
        for entry in construct.node.metadata
        if entry.type == _METADATA
    ]
    return [Acknowledgement(**{**entry, "rules": tuple(entry["rules"])}) for entry in entries]


def everywhere(rule: str) -> list[str]:
    """The names of a rule that all compliance packs have."""
    return [f"{pack}-{rule}" for pack in COMPLIANCE]
