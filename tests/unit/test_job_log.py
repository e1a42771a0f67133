"""A run's log: as much of it as is shown, and the counts in it, whatever it says."""

import json
from copy import deepcopy
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.summaries import COUNTED
from workshop.account import Account
from workshop.accounting import LOG_LINES_SHOWN, PREFIX, Accounting, Log, cause_of
from workshop.commands.answer import Note
from workshop.commands.job import accounting_parts
from workshop.job_log import LogTail

GROUP = "/jobs/output"


class EndlessLogs:
    """CloudWatch Logs while a script prints faster than anybody reads."""

    class exceptions:  # noqa: N801 - botocore's name
        """The client's own."""

        ResourceNotFoundException = KeyError

    def __init__(self) -> None:
        self.pages = 0

    def get_log_events(self, **_: object) -> dict[str, Any]:
        self.pages += 1
        return {"events": [{"message": "on and on"}], "nextForwardToken": str(self.pages)}


def test_a_log_that_does_not_end_does_not_keep_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of the run would never be looked at again."""
    logs = EndlessLogs()
    session = boto3.Session(region_name="us-east-1")
    monkeypatch.setattr(session, "client", lambda _: logs)
    assert len(list(LogTail(Account(session, None), GROUP, "jr_1").new_lines())) < 100
    log = Log().add("on and on" for _ in range(100_000))
    assert len(log.tail) == LOG_LINES_SHOWN


def test_the_script_s_accounting_is_read() -> None:
    """The organizer wants to know where the records went."""
    log = Log().add(["run-1 started", PREFIX + json.dumps(COUNTED), "ACCOUNTING {}"])
    assert log.accounting == Accounting(**COUNTED)
    assert not log.complaint
    named = with_value("other_events", {"Signed Up": 3})
    assert Log().add([PREFIX + named]).accounting == Accounting(
        **COUNTED, other_events={"Signed Up": 3}
    )


def with_value(path: str, value: object) -> str:
    """The accounting with another value at one place."""
    changed = deepcopy(COUNTED)
    name, _, reason = path.partition(".")
    if reason:
        changed[name][reason] = value
    else:
        changed[name] = value
    return json.dumps(changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{bad",
        "[]",
        '{"a": {"b": "c"}}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "1" * 5000,
        json.dumps({**COUNTED, "more": 1}),
        json.dumps({name: COUNTED[name] for name in ("kept", "filtered")}),
        with_value("kept", value=True),
        with_value("kept", 2.5),
        with_value("kept", -1),
        with_value("kept", 10**30),
        with_value("filtered", 7),
        with_value("filtered", ["no SKU"]),
        with_value("filtered.no SKU", float("nan")),
        with_value("filtered.no SKU", float("inf")),
        with_value("filtered.no SKU", value=False),
        with_value(f"filtered.{'x' * 1000}", 1),
        with_value("other_events", {"x" * 1000: 1}),
        with_value("other_events", {str(n): n for n in range(1000)}),
        with_value("other_events", ["Signed Up"]),
        with_value("filtered", {str(n): n for n in range(1000)}),
    ],
    ids=lambda text: text[:40],
)
def test_another_accounting_is_none_and_said(text: str) -> None:
    """Participants edit the script: what it prints must stop no command of the organizer's."""
    log = Log().add([PREFIX + text, PREFIX + text])
    assert log.accounting is None
    assert "cannot be read" in log.complaint
    assert len(log.complaint) < 500
    assert log.add([PREFIX + json.dumps(COUNTED)]).accounting == Accounting(**COUNTED)
    assert not log.complaint


def test_a_log_without_an_accounting_is_said_to_have_none() -> None:
    """It was "not available yet", however long the run had been over."""
    assert accounting_parts(Log().add(["hello"])) == [Note("The log has no record counts.")]


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@settings(max_examples=40, deadline=None)  # its strategies are slow
@given(
    st.one_of(
        st.text(),
        VALUES.map(json.dumps),
        st.builds(
            with_value,
            st.sampled_from(
                ["kept", "records_read", "filtered", "rejected", "filtered.no SKU", "rejected.new"]
            ),
            VALUES,
        ),
    )
)
def test_whatever_the_line_says_it_is_counts_or_a_complaint(text: str) -> None:
    """What is taken for an accounting is added up and drawn."""
    log = Log().add([PREFIX + text])
    assert bool(log.accounting) != bool(log.complaint)
    for _, _, number in log.accounting.rows() if log.accounting else ():
        assert type(number) is int


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("", ""),
        ("ValueError: x must be y", "ValueError: x must be y"),
        (
            "ValueError: No record was kept.\n  records_read 0 in all\n  filtered 0 no userId",
            "ValueError: No record was kept.",
        ),
        ("Py4JJavaError: An error\n  AccessDenied: no", "Py4JJavaError: An error AccessDenied: no"),
    ],
)
def test_the_cause_of_a_failed_run_is_a_line(error: str, cause: str) -> None:
    """The counts are a table of their own, and the traceback is behind -v."""
    assert cause_of(error) == cause
