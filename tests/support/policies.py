"""IAM's policies, and sessions of whom they let do something."""

import json
from typing import Any

import boto3

from workshop.account import EMBEDDED_REGION


def policy(*statements: dict[str, Any], **statement: object) -> str:
    """The text of a policy; a statement allows unless it says otherwise."""
    allow = [{"Effect": "Allow"} | each for each in statements or [statement]]
    return json.dumps({"Version": "2012-10-17", "Statement": allow})


def trust(**principal: object) -> str:
    """The text of a role's policy that lets these assume it."""
    return policy(Principal=principal, Action="sts:AssumeRole")


def user(owner: boto3.Session, name: str, document: str) -> boto3.Session:
    """Make a user with this policy alone; return their session."""
    iam = owner.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=EMBEDDED_REGION)


def assume(session: boto3.Session, role_arn: str, **request: Any) -> boto3.Session:
    """A session of the role."""
    key = session.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="session", **request)[
        "Credentials"
    ]
    return boto3.Session(
        key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"], EMBEDDED_REGION
    )
