"""Lets AWS Organizations make accounts that its management account can enter, as on AWS."""

import json
from typing import Any

from embedded_aws import hooks
from workshop.accounts_file import ORGANIZATION_ROLE


def install() -> None:
    """Make the role in every account that is made; MiniStack makes none."""
    create = hooks.organizations.create_account

    def create_account(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = create(request)
        if status == 200:  # noqa: PLR2004
            account = json.loads(body)["CreateAccountStatus"]["AccountId"]
            role = request.get("RoleName", ORGANIZATION_ROLE)
            trust = {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{hooks.responses.get_account_id()}:root"},
                "Action": "sts:AssumeRole",
            }
            document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
            arn = "arn:aws:iam::aws:policy/AdministratorAccess"
            with hooks.responses.request_scope(account, hooks.responses.get_region()):
                hooks.iam.create_role({"RoleName": [role], "AssumeRolePolicyDocument": [document]})
                hooks.iam.attach_role_policy({"RoleName": [role], "PolicyArn": [arn]})
        return status, headers, body

    hooks.organizations.DISPATCH["CreateAccount"] = create_account
