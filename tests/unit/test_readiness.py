"""What readiness says of Lake Formation, which the embedded AWS does not have."""

from typing import Any

import pytest

from tests.support.stubs import stubbed
from workshop import readiness

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
    databases: list[dict[str, Any]] | None,
    tables: list[dict[str, Any]] | None,
    *,
    passed: bool,
    found: str,
) -> None:
    """The organizer sees every table, and the participants see none."""
    with stubbed("lakeformation") as (account, stubber):
        if databases is None:
            stubber.add_client_error("get_data_lake_settings", "AccessDeniedException")
        else:
            settings = {
                "CreateDatabaseDefaultPermissions": databases,
                "CreateTableDefaultPermissions": tables,
            }
            stubber.add_response("get_data_lake_settings", {"DataLakeSettings": settings})
        check = readiness._lake_formation(account)  # noqa: SLF001
    assert check.passed == passed
    assert found in check.found
