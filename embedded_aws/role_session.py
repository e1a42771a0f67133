"""The credentials by which a service of the embedded AWS acts as a role."""

import os
import secrets
from typing import Any

import boto3
from botocore.config import Config

from embedded_aws import hooks


def assume(account: str, role: str, name: str) -> tuple[str, str, str]:
    """Make credentials that nobody can guess, and let the embedded AWS know them.

    Args:
        account: the role's account.
        role: the role, its name or its ARN.
        name: what the session is called in the caller's ARN.

    Returns:
        the access key, the secret key, and the token.
    """
    key = f"ASIA{secrets.token_hex(8).upper()}"
    secret, token = secrets.token_urlsafe(30), secrets.token_urlsafe(60)
    role_name = role.rpartition("/")[2]
    hooks.sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{name}",
            "UserId": f"{role_name}:{name}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return key, secret, token


def client(service: Any, role: str, name: str) -> Any:
    """Make a client of the embedded AWS that acts as a role of the caller's account.

    Args:
        service: such as `s3`.
        role: the role, its name or its ARN.
        name: what the session is called in the caller's ARN.
    """
    made = assume(hooks.responses.get_account_id(), role, name)
    session = boto3.session.Session(*made, hooks.responses.get_region())
    endpoint = f"http://{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"
    config = Config(proxies={}, s3={"addressing_style": "path"})
    return session.client(service, endpoint_url=endpoint, config=config)
