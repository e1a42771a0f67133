"""The file that names the accounts of a fleet."""

import csv
from dataclasses import dataclass
from pathlib import Path

import boto3

from workshop.errors import WorkshopError, reason

# The role that AWS Organizations makes in every account that it makes.
# Source: AWS Organizations User Guide, "Accessing member accounts in an organization".
ORGANIZATION_ROLE = "OrganizationAccountAccessRole"
COLUMNS = ("account_id", "region", "name")
_ID_DIGITS = 12


@dataclass(frozen=True)
class Member:
    """One account of a fleet: its twelve digits, its region, and what it is called, if anything."""

    id: str
    region: str
    name: str = ""


def read(path: Path, region: str) -> list[Member]:
    """Read the accounts.

    The file is a list of ids, one a line, or CSV: `account_id,region,name`, in this order or with
    a header that names these columns among others (as the console of AWS Organizations exports
    accounts: `Account ID`, `Name` and more). Lines that begin with `#` are comments.

    Args:
        path: the file.
        region: of the accounts for which the file names none.

    Raises:
        WorkshopError: there is no such file, nobody in it, or a line that is no account.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkshopError(
            f"{path} cannot be read: {reason(error)}",
            "Choose a text file with one account ID per line",
        ) from error
    columns: tuple[str, ...] = COLUMNS
    members: dict[str, Member] = {}
    regions = boto3.Session().get_available_regions("personalize")  # all have Glue and Athena
    for number, line in enumerate(lines, start=1):
        values = [value.strip() for value in next(csv.reader([line]), [])]
        if not any(values) or values[0].startswith("#"):
            continue
        named = tuple(value.lower().replace(" ", "_") for value in values)
        if not members and COLUMNS[0] in named:
            columns = named
            continue
        row = dict(zip(columns, values, strict=False))
        member = Member(row.get("account_id", ""), row.get("region") or region, row.get("name", ""))
        place = f"{path}, line {number}"
        if not (len(member.id) == _ID_DIGITS and member.id.isascii() and member.id.isdigit()):
            raise WorkshopError(
                f"{place}: {member.id!r} is not an account ID.",
                "Write its twelve digits, leading zeros included",
            )
        if member.region not in regions:
            raise WorkshopError(
                f"{place}: there is no Amazon Personalize in the region {member.region!r}.",
                f"Choose one of: {', '.join(regions)}",
            )
        if member.id in members:
            raise WorkshopError(
                f"{place}: {member.id} is in the file twice.", "Delete one of the lines"
            )
        members[member.id] = member
    if not members:
        raise WorkshopError(f"{path} names no account.", "Write one account ID per line")
    return list(members.values())
