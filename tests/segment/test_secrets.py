"""Write keys reach the chosen host and their owner, nobody else."""

import base64
import stat
from pathlib import Path

import pytest
from requests import Request

from tests.support.loopback import Listener
from tests.support.shell import FIRST, KEYS, Shell, variables
from tests.support.tracking_api import Answer, TrackingApi
from workshop.segment import delivery

SEND: tuple[object, ...] = (
    *("send-events", "--from", FIRST, "--days", 1, "--events", 100),
    *("--retries", 0),  # a secret that leaked is told at once
)
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")


def proxies(listener: Listener) -> dict[str, str]:
    return {**dict.fromkeys(PROXY_VARIABLES, listener.url), "NO_PROXY": "", "no_proxy": ""}


@pytest.mark.parametrize("status", [302, 307])
def test_events_follow_no_redirect(
    shell: Shell, segment: TrackingApi, listener: Listener, status: int
) -> None:
    """A 307 takes the body along, and the write key is in it."""
    location = {"Location": f"{listener.url}/v1/batch"}
    segment.answer = lambda _number, _source: Answer(status, location, accept=False)
    told = shell.run(*SEND, "--host", segment.url, code=1, env=variables(KEYS)).stderr
    assert listener.heard == []
    assert "redirect" in told
    assert str(status) in told


def test_events_for_this_machine_use_no_proxy(
    shell: Shell, segment: TrackingApi, listener: Listener
) -> None:
    """The proxy would read the write keys: there is no TLS."""
    shell.run(*SEND, "--host", segment.url, env=variables(KEYS) | proxies(listener))
    assert listener.heard == []
    assert segment.received


@pytest.mark.parametrize("region", ["api.segment.io", "events.eu1.segmentapis.com"])
def test_a_proxy_sees_a_tunnel_only(shell: Shell, listener: Listener, region: str) -> None:
    """At a company a proxy is the only way out; it must not read what goes through it."""
    env = variables(KEYS) | proxies(listener)
    shell.run(*SEND, "--host", region, code=1, env=env)
    heard = b"".join(listener.heard)
    assert listener.heard[0].startswith(f"CONNECT {region}:443 ".encode())
    for key in KEYS.values():
        assert key.encode() not in heard
        assert base64.b64encode(f"{key}:".encode()) not in heard
    assert b"Authorization" not in heard


@pytest.fixture
def netrc(tmp_path: Path) -> dict[str, str]:
    """A ~/.netrc with something for every host."""
    file = tmp_path / "netrc"
    file.write_text("default login somebody password else\n")
    file.chmod(0o600)
    return {"NETRC": str(file)}


def test_a_netrc_replaces_no_write_key(
    shell: Shell, segment: TrackingApi, netrc: dict[str, str]
) -> None:
    """Another service's password would go to Segment, and the events nowhere."""
    shell.run(*SEND, "--host", segment.url, env=variables(KEYS) | netrc)
    assert segment.refused == []
    assert segment.received


@pytest.mark.parametrize("host", ["https://api.segment.io", "https://events.eu1.segmentapis.com"])
def test_a_netrc_replaces_no_write_key_at_segment(
    monkeypatch: pytest.MonkeyPatch, netrc: dict[str, str], host: str
) -> None:
    """The same where TLS keeps a test from looking."""
    monkeypatch.setenv("NETRC", netrc["NETRC"])
    session = delivery._Session(host)  # noqa: SLF001 - see above
    authorization = {"Authorization": "Basic mine"}
    prepared = session.prepare_request(Request("POST", f"{host}/v1/batch", headers=authorization))
    assert prepared.headers["Authorization"] == "Basic mine"


def test_keys_that_others_can_read_are_closed_to_them(
    shell: Shell, segment: TrackingApi, tmp_path: Path
) -> None:
    """An editor made the file; what a link leads to is not touched."""
    folder = shell.folder / ".segment"
    folder.mkdir(mode=0o755)
    keys = folder / "keys.env"
    keys.write_text("\n".join(f"{name}={key}" for name, key in variables(KEYS).items()))
    keys.chmod(0o644)
    shell.run(*SEND, "--host", segment.url)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, keys)] == [0o700, 0o600]
    listener = tmp_path / "keys.env"
    keys.rename(listener)
    listener.chmod(0o644)
    keys.symlink_to(listener)
    shell.run(*SEND, "--host", segment.url)
    assert stat.S_IMODE(listener.stat().st_mode) == 0o644
