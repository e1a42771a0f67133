"""What readiness says of Lake Formation, which the embedded AWS does not have."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from workshop import readiness
from workshop.account import Account

OPEN = [
    {
        "Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"},
        "Permissions": ["ALL"],
    }
]
ANALYSTS = [
    {
        "Principal": {"DataLakePrincipalIdentifier": "arn:aws:iam::111122223333:role/analysts"},
        "Permissions": ["SELECT"],
    }
]


@pytest.mark.parametrize(
    ("databases", "tables", "passed", "found"),
    [
        (OPEN, OPEN, True, "lets IAM decide"),
        (OPEN, [], False, "table"),
        ([], OPEN, False, "database"),
        (ANALYSTS, ANALYSTS, False, "database and table"),
        (None, None, True, "not allowed"),
    ],
    ids=["open", "tables closed", "databases closed", "others only", "denied"],
)
def test_tables_that_participants_may_not_read_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
    databases: list[dict[str, Any]] | None,
    tables: list[dict[str, Any]] | None,
    *,
    passed: bool,
    found: str,
) -> None:
    """The organizer sees every table, and the participants see none."""
    session = boto3.Session("1", "2", region_name="us-east-1")
    client: Any = session.client("lakeformation")
    monkeypatch.setattr(session, "client", lambda _: client)
    with Stubber(client) as stubber:
        if databases is None:
            stubber.add_client_error("get_data_lake_settings", "AccessDeniedException")
        else:
            settings = {
                "CreateDatabaseDefaultPermissions": databases,
                "CreateTableDefaultPermissions": tables,
            }
            stubber.add_response("get_data_lake_settings", {"DataLakeSettings": settings})
        check = readiness._lake_formation(Account(session, None))  # noqa: SLF001
    assert check.passed == passed
    assert found in check.found
