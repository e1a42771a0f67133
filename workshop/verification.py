"""Checks the job's CSV against what Amazon Personalize documents for interactions.

Source: docs.aws.amazon.com/personalize/latest/dg/limits.html, .../interactions-datasets.html,
.../interactions-dataset-requirements.html and .../data-prep-formatting.html.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from workshop import csv_files
from workshop.account import Account
from workshop.checks import Check
from workshop.csv_files import File
from workshop.environment import Environment
from workshop.interactions import (
    EXAMPLES,
    HEADERS,
    MAX_ID_LENGTH,
    MIN_INTERACTIONS,
    SHOWN,
    Interactions,
)

PREFIX = "transformed/"
# Ten "distinct event types and metadata columns in all", and the column EVENT_TYPE is one.
MAX_EVENT_TYPES = 9
MIN_USERS = 25
ENOUGH_USERS = "Users with two or more"  # the one rule that is for training only
MAX_BYTES = 100 * 1024**3
# A scheduled run's CSV, in a folder of its own below PREFIX, and to be imported by itself.
_CSV_OF_A_DAY = re.compile(r"\d{4}-\d\d-\d\d/[^/]+\.csv")
RERUN = "Run the job again: workshop run-job"


def checks(
    data: Interactions, files: dict[str, int], stray: list[str], rerun: str = RERUN
) -> list[Check]:
    """Check what was gathered against every rule.

    Args:
        data: what was read from the files.
        files: the CSV files' sizes in bytes, by name.
        stray: names of objects in the folder that are no CSV of the job.
        rerun: what to do about a CSV that the job would write otherwise.
    """

    def clean(rule: str, found: str, advice: str) -> Check:
        places = data.problems.get(rule, [])
        more = f" ({data.broken[rule]} in all)" if data.broken[rule] > len(places) else ""
        return Check(rule, not places, "; ".join(places) + more if places else found, advice)

    def enough(rule: str, count: int, needed: int) -> Check:
        """A minimum. What has a complaint of its own, half of a file, is not also few."""
        more = " or more" if count == needed == MIN_INTERACTIONS else ""
        found = f"{count:,}{more} unique" if needed == MIN_INTERACTIONS else f"{count:,}"
        return Check(
            rule, data.unread or count >= needed, f"{found} of {needed:,} needed", more_data
        )

    regular = sum(count > 1 for count in data.users.values())
    more_data = "Train with more data: more events, or more days (workshop seed --days)"
    types = len(data.event_types)
    common = sorted(name[:SHOWN] for name, _ in data.event_types.most_common(MAX_EVENT_TYPES))
    few_types = clean("Event types", f"{types}: {', '.join(common)}", rerun)
    if types > MAX_EVENT_TYPES:
        few_types = Check(
            "Event types", passed=False, found=f"{types}, at most {MAX_EVENT_TYPES}", advice=rerun
        )
    return [
        Check("Files", bool(files), f"{len(files)} CSV, {sum(files.values()):,} bytes", rerun),
        Check(
            "No stray files",
            not stray,
            ", ".join(stray[:EXAMPLES]) or "none",
            "Delete them: Personalize reads everything in the folder",
        ),
        Check(
            "Size",
            sum(files.values()) <= MAX_BYTES,
            f"{sum(files.values()) / 1024**3:.3f} GiB of 100",
            "Import in parts: a full import is limited to 100 GB",
        ),
        clean("UTF-8", "every byte", rerun),
        clean("Header", data.header or HEADERS[0], rerun),
        clean("Columns", f"{data.header.count(',') + 1} in every record", rerun),
        clean("One record a line", f"{data.rows:,} records", rerun),
        clean("Types", "whole numbers in TIMESTAMP, numbers in EVENT_VALUE", rerun)
        if data.header == HEADERS[1]
        else clean("Types", "TIMESTAMP is a whole number everywhere", rerun),
        clean("Seconds", _span(data), "TIMESTAMP is in epoch seconds, not milliseconds: " + rerun),
        clean(
            "Lengths", f"ids of 1 to {MAX_ID_LENGTH} characters", "Shorten these ids at the source"
        ),
        few_types,
        Check("Identifiers", passed=True, found=_nobody(data), advice=_NOBODY_ADVICE),
        enough("Interactions", len(data.unique), MIN_INTERACTIONS),
        enough(ENOUGH_USERS, regular, MIN_USERS),
    ]


_NOBODY_ADVICE = "Send no identifier rather than one of these: who has it would be one user"


def _nobody(data: Interactions) -> str:
    if not data.nobody:
        return "none that means nobody"
    examples = ", ".join(repr(value[:SHOWN]) for value, _ in data.nobody.most_common(EXAMPLES))
    return f"warning: {data.nobody.total():,} that mean nobody: {examples}"


def verify(account: Account, environment: Environment) -> tuple[list[Check], Interactions]:
    """Read what is in the bucket's `transformed/` and check it."""
    return verify_files(csv_files.in_bucket(account, environment.bucket, PREFIX))


def verify_files(found: Iterable[File], rerun: str = RERUN) -> tuple[list[Check], Interactions]:
    """Read the CSV files of a folder and check them; day folders are left out."""
    data, files, stray = Interactions(), dict[str, int](), list[str]()
    for file in found:
        if _CSV_OF_A_DAY.fullmatch(file.name):
            continue
        if not file.name.endswith(".csv") or "/" in file.name:
            stray.append(file.name)
            continue
        files[file.name] = file.size
        data.read(file.name, file.chunks())
    return checks(data, files, stray, rerun), data


def _span(data: Interactions) -> str:
    if data.first is None or data.last is None:
        return "no records"
    first, last = (datetime.fromtimestamp(s, UTC).date() for s in (data.first, data.last))
    return f"{first} to {last} (UTC)"
