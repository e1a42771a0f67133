"""Checks of an environment and of its CSV: what each found, and what to do where one fails."""

from collections.abc import Sequence
from dataclasses import dataclass

from workshop.errors import WorkshopError


@dataclass(frozen=True)
class Check:
    """One rule, held against the data: whether it holds, what was found, what to do if not."""

    rule: str
    passed: bool
    found: str
    advice: str = ""


def require(checks: Sequence[Check], what: str = "rules") -> None:
    """Raise an error if a check fails.

    Raises:
        WorkshopError: some do not; the message names them, the next step is the first one's.
    """
    broken = [check for check in checks if not check.passed]
    if broken:
        raise WorkshopError(
            f"{len(broken)} of {len(checks)} {what} do not hold: "
            + "; ".join(f"{check.rule} ({check.found})" for check in broken),
            broken[0].advice,
        )
