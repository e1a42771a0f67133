"""`send-events` through Segment's own client and real HTTP: everything arrives, once."""

import gzip
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import repeat
from pathlib import Path
from typing import Any

import psutil
import pytest

from stacks.bucket_contents.simulated_shop import log_files
from tests.support import PROJECT
from tests.support.shell import EMAIL, FIRST, KEYS, Shell, variables
from tests.support.tracking_api import OK, Answer, TrackingApi
from workshop.segment import delivery
from workshop.segment.credentials import KEYS_FILE
from workshop.segment.events import Call, Period, calls

DAYS, EVENTS = 2, 1_500
SEND: tuple[object, ...] = ("send-events", "--from", FIRST, "--events", EVENTS, "--rate", 100_000)
Record = dict[str, Any]


def simulated(end: date = date(2019, 2, 27), days: int = DAYS) -> Iterator[tuple[str, Record]]:
    """The records of the sample data for the same days, with their sources."""
    for log in log_files(end, days, EVENTS):
        for line in gzip.decompress(log.body).splitlines():
            yield log.key.split("/")[0], json.loads(line)


@pytest.fixture(scope="module")
def shop() -> dict[str, tuple[str, Record]]:
    """What was simulated, by messageId: what was delivered twice, once."""
    return {record["messageId"]: (source, record) for source, record in simulated()}


def arrived(segment: TrackingApi) -> dict[str, str]:
    """The sources that the messages arrived at."""
    assert segment.refused == []
    return {message: one.source for message, one in segment.unique().items()}


def expected(shop: dict[str, tuple[str, Record]]) -> dict[str, str]:
    return {message: source for message, (source, _) in shop.items()}


def test_everything_arrives_once_at_its_source_with_its_time(
    shell: Shell, segment: TrackingApi, shop: dict[str, tuple[str, Record]]
) -> None:
    """The exercise needs the data of the shop."""
    shown = shell.run(*SEND, "--host", segment.url, env=variables(KEYS))
    assert arrived(segment) == expected(shop)
    assert len(segment.received) == len(shop)
    for message, one in segment.unique().items():
        _, record = shop[message]
        at = datetime.fromisoformat(one.message["timestamp"])
        assert at == datetime.fromisoformat(record["timestamp"])
        same = ("type", "userId", "anonymousId", "event", "name", "properties", "traits")
        for name in same:
            assert one.message.get(name) == record.get(name)
        context = one.message["context"] | {"library": record["context"]["library"]}
        assert context == record["context"]
    assert segment.url in shown.stderr
    assert f"{len(shop):,} delivered" in shown.stderr


def test_emails_go_to_their_source_when_it_has_a_key(
    shell: Shell, segment: TrackingApi, shop: dict[str, tuple[str, Record]]
) -> None:
    """And the other events are the same as without."""
    shell.run(*SEND, "--host", segment.url, env=variables(KEYS | EMAIL))
    found = arrived(segment)
    assert {m: s for m, s in found.items() if s != "email-prod"} == expected(shop)
    emails = [one.message for one in segment.received if one.source == "email-prod"]
    counts = Counter(message["event"] for message in emails)
    assert counts["Email Delivered"] > counts["Email Opened"] > counts["Email Link Clicked"] > 0
    end = datetime(2019, 2, 28, tzinfo=UTC)
    users = {record["userId"] for _, record in shop.values()}
    for message in emails:
        assert message["userId"] in users
        assert message["properties"]["email_id"]
        assert datetime.fromisoformat(message["timestamp"]) < end


def late(number: int, _source: str) -> Answer:
    """Every third request: too many, out of order, slow."""
    answers = (
        Answer(429, {"Retry-After": "1"}, accept=False),
        Answer(503, accept=False),
        Answer(seconds=1.5),
    )
    return answers[number // 3 % 3] if number % 3 == 1 and number < 27 else OK


def lost(number: int, _source: str) -> Answer:
    """The first requests: dropped before they are taken, and after."""
    return Answer(drop=True, accept=number % 2 == 1) if number < 4 else OK


@pytest.mark.parametrize("trouble", [late, lost])
def test_what_goes_wrong_on_the_way_is_sent_again(
    shell: Shell,
    segment: TrackingApi,
    shop: dict[str, tuple[str, Record]],
    trouble: Callable[[int, str], Answer],
) -> None:
    """A workshop's network is not the best; Segment drops what comes twice by its messageId."""
    segment.answer = trouble
    told = shell.run(*SEND, "--host", segment.url, "--json", env=variables(KEYS)).json()
    assert arrived(segment) == expected(shop)
    sources = told["sources"]
    assert {s: n["delivered"] for s, n in sources.items()} == Counter(expected(shop).values())
    repeated = len(segment.received) - len(shop)
    assert (repeated > 0) == (trouble is lost)


def refuse_android(_number: int, source: str) -> Answer:
    return Answer(400, accept=False) if source == "android-prod" else OK


@pytest.mark.slow
def test_what_segment_refuses_is_counted_and_sending_again_completes_it(
    shell: Shell, segment: TrackingApi, shop: dict[str, tuple[str, Record]]
) -> None:
    """Nobody wants to find out by counting rows in Athena."""
    segment.answer = refuse_android
    host = ("--host", segment.url)
    answer = shell.run(*SEND, *host, "--json", code=1, env=variables(KEYS))
    told = answer.json()
    assert told["error"].startswith("android-prod")
    assert "android-prod" in answer.stderr
    assert told["sources"]["android-prod"]["delivered"] == 0
    assert told["sources"]["android-prod"]["failed"] > 0
    before = Counter(one.source for one in segment.received)
    assert {s: n["delivered"] for s, n in told["sources"].items()} == {
        source: before[source] for source in KEYS
    }
    segment.answer = lambda _number, _source: OK
    shell.run(*SEND, *host, env=variables(KEYS))
    assert arrived(segment) == expected(shop)


def test_a_wrong_key_is_an_error(shell: Shell, segment: TrackingApi) -> None:
    """Segment itself answers 200 and drops the events; a proxy may not."""
    wrong = {**KEYS, "ios-prod": "not-ios-key-5up3r53cr3t"}
    told = shell.run(*SEND, "--host", segment.url, code=1, env=variables(wrong)).stderr
    assert "ios-prod: " in told
    assert "(401)" in told


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_stopped_at_any_moment_sending_again_completes_it(
    shell: Shell,
    segment: TrackingApi,
    shop: dict[str, tuple[str, Record]],
    end: signal.Signals,
) -> None:
    """Somebody starts it in the wrong room; the messageIds are the same in every run."""
    segment.answer = lambda number, _source: OK if number < 2 else Answer(seconds=1)
    process = shell.start(*SEND, "--host", segment.url, env=variables(KEYS))
    while len(segment.received) < 2 * delivery.BATCH:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, end)
    if end == signal.SIGINT:
        assert "delivered (" in shell.ended(process, 130).stderr
    process.communicate()
    time.sleep(1.5)  # what the server is at
    segment.answer = lambda _number, _source: OK
    shell.run(*SEND, "--host", segment.url, env=variables(KEYS))
    assert arrived(segment) == expected(shop)


def test_nothing_answers(shell: Shell) -> None:
    """No network, at the hotel."""
    told = shell.run(
        *SEND, "--host", "http://127.0.0.1:9", "--retries", 1, code=1, env=variables(KEYS)
    ).stderr
    assert "0 delivered" in told or "failed (" in told


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--from", "2199-01-01"), "not all days are over"),
        (("--from", str(datetime.now(UTC).date())), "not all days are over"),
        (("--from", "1970-01-01"), "is before 2000-01-01"),
        (("--from", FIRST, "--host", "example.com"), "not a Segment host"),
        (("--from", FIRST, "--host", "http://api.segment.io"), "not a Segment host"),
        (("--from", FIRST, "--host", "https://api.segment.io.example.com"), "not a Segment host"),
        (("--from", FIRST, "--host", "https://api.segment.io@127.0.0.1:9"), "not a Segment host"),
        (("--from", FIRST, "--host", "http://192.0.2.1:80"), "not a Segment host"),
    ],
)
def test_what_cannot_be_meant_is_one_error(
    shell: Shell, options: tuple[str, ...], complaint: str
) -> None:
    """Before a key leaves this machine."""
    told = shell.run("send-events", *options, code=1, env=variables(KEYS)).stderr
    assert complaint in told
    assert "Next:" in told


def test_a_missing_key_names_its_variable(shell: Shell) -> None:
    """All that are missing, at once."""
    told = shell.run(*SEND, code=1, env=variables({"ios-prod": KEYS["ios-prod"]})).stderr
    assert "website-prod, android-prod" in told
    assert "SEGMENT_WRITE_KEY_ANDROID_PROD" in told
    assert "SEGMENT_WRITE_KEY_IOS_PROD" not in told


def test_keys_come_from_option_environment_and_file(shell: Shell, segment: TrackingApi) -> None:
    """In this order."""
    file = shell.folder / ".segment" / "keys.env"
    file.parent.mkdir()
    stale = {"website-prod": "stale-5up3r53cr3t", "android-prod": "stale-5up3r53cr3t"}
    lines = [f"{name}='{key}'" for name, key in variables(KEYS | stale).items()]
    file.write_text("\n".join(["# of the shop", *lines]))
    website = f"website-prod={KEYS['website-prod']}"
    android = variables({**stale, "android-prod": KEYS["android-prod"]})
    shell.run(*SEND, "--host", segment.url, "--write-key", website, env=android)
    assert segment.refused == []
    assert {one.source for one in segment.received} == set(KEYS)


@pytest.mark.parametrize("option", ["5up3r53cr3t", "web=5up3r53cr3t", "website-prod="])
def test_a_write_key_of_another_form_is_not_repeated(shell: Shell, option: str) -> None:
    """The error goes to a screen that a room looks at."""
    told = shell.run(*SEND, "--write-key", option, code=1, env=variables(KEYS)).stderr
    assert "SOURCE=KEY" in told


def test_git_ignores_what_is_secret() -> None:
    """A key that was committed has to be replaced."""
    state = ("terraform.tfstate", "terraform.tfstate.backup", ".terraform/providers")
    names = [str(KEYS_FILE), *(f"docs/segment/{name}" for name in state)]
    subprocess.run(["git", "check-ignore", *names], cwd=PROJECT, check=True)


def test_a_keys_file_that_is_not_there(shell: Shell) -> None:
    """A file that was named is meant."""
    assert "no file other.env" in shell.run(*SEND, "--keys-file", "other.env", code=1).stderr


@pytest.mark.slow
def test_the_dry_run_holds_what_would_be_sent(
    shell: Shell, segment: TrackingApi, tmp_path: Path
) -> None:
    """Message by message, in the folder of the day on which Segment would receive it."""
    key = ("--write-key", f"website-prod={KEYS['website-prod']}")  # not needed, and no matter
    shell.run(*SEND, *key, "--dry-run", tmp_path / "dry", env=variables(EMAIL))
    shell.run(*SEND, "--host", segment.url, env=variables(KEYS | EMAIL))
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    added = {"channel", "originalTimestamp", "projectId", "receivedAt", "sentAt", "version"}
    found = {}
    for file in (tmp_path / "dry").rglob("*.gz"):
        source, day, _ = file.relative_to(tmp_path / "dry").parts
        assert today - timedelta(1) <= datetime.fromtimestamp(int(day) / 1000, UTC) <= today
        for line in gzip.decompress(file.read_bytes()).splitlines():
            record = json.loads(line)
            assert added <= set(record)
            at = datetime.fromisoformat(record.pop("timestamp"))
            found[record["messageId"]] = source, at, {n: record[n] for n in set(record) - added}
    sent = {}
    for message, one in segment.unique().items():
        at = datetime.fromisoformat(one.message.pop("timestamp"))
        sent[message] = one.source, at, one.message
    assert found == sent


def test_a_dry_run_needs_a_new_folder(shell: Shell, tmp_path: Path) -> None:
    """What is in it would be mixed with something else."""
    (tmp_path / "here" / "old").write_text("mine")
    told = shell.run(*SEND, "--dry-run", tmp_path / "here", code=1).stderr
    assert "not empty" in told
    assert (tmp_path / "here" / "old").read_text() == "mine"


def test_the_same_period_is_the_same_calls() -> None:
    """Segment and the job find repeated messages by their messageId."""
    period = Period(date(2019, 2, 26), DAYS, EVENTS)
    first = [(call.source, call.record) for call in calls(period, email=True)]
    assert first == [(call.source, call.record) for call in calls(period, email=True)]
    ids = [record["messageId"] for _, record in first]
    assert len(set(ids)) == len(ids)


def test_the_pace_is_kept_and_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst after Segment said 429 would be the next 429."""
    now, slept = 0.0, 0.0

    def sleep(seconds: float) -> None:
        nonlocal now, slept
        now += seconds
        slept += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)
    paced = delivery.paced(repeat(Call("website-prod", {})), 100, lambda: None)
    for _ in range(1000):
        next(paced)
    assert slept == pytest.approx(10)
    now += 3600
    for _ in range(1000):
        next(paced)
    assert slept >= 19.4


@pytest.mark.slow
def test_memory_does_not_grow_with_the_volume(shell: Shell, segment: TrackingApi) -> None:
    """An engineer sends a month of a large shop from a small machine."""
    peaks = []
    for events in (20_000, 100_000):
        segment.received.clear()
        process = shell.start(
            *("send-events", "--from", FIRST, "--days", 20, "--events", events),
            *("--rate", 1_000_000, "--host", segment.url),
            env=variables(KEYS),
        )
        watched, peak = psutil.Process(process.pid), 0
        with suppress(psutil.NoSuchProcess):
            while process.poll() is None:
                peak = max(peak, watched.memory_info().rss)
                time.sleep(0.1)
        shell.ended(process, 0)
        assert len(segment.unique()) == len(segment.received) > 0.95 * events
        assert segment.refused == []
        peaks.append(peak)
    assert peaks[1] < 1.3 * peaks[0]
