"""Write keys, the token and .segment/: they reach the chosen host and their owner, nobody else."""

import base64
import json
import os
import stat
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from requests import Request

from tests.support.loopback import Listener, listening, serving
from tests.support.shell import FIRST, KEYS, Shell, variables
from tests.support.tracking_api import OK, Answer, TrackingApi
from workshop.segment import api, delivery

SEND: tuple[object, ...] = (
    *("send-events", "--from", FIRST, "--days", 1, "--events", 100),
    *("--retries", 0),  # a secret that leaked is told at once
)
TOKEN = "token-5up3r53cr3t"  # noqa: S105 - of a server of this test
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")


@pytest.fixture
def elsewhere() -> Iterator[Listener]:
    """Somebody else."""
    with listening() as listener:
        yield listener


def proxies(listener: Listener) -> dict[str, str]:
    return {**dict.fromkeys(PROXY_VARIABLES, listener.url), "NO_PROXY": "", "no_proxy": ""}


class Workspace:
    """A Public API that knows its workspace and nothing else."""

    def __init__(self, workspace_id: object = "workspace1") -> None:
        self.id = workspace_id
        self.status, self.headers = 200, {"Content-Type": "application/json"}
        self.paths: list[str] = []
        self.authorizations: list[str] = []
        self.url = ""

    def serve(self) -> Iterator["Workspace"]:
        workspace = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                workspace.paths.append(self.path)
                workspace.authorizations.append(self.headers["Authorization"])
                self.send_response(workspace.status)
                for name, value in workspace.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                about = {"id": workspace.id, "name": "The Shop", "slug": "shop"}
                self.wfile.write(json.dumps({"data": {"workspace": about}}).encode())

            do_DELETE = do_GET  # noqa: N815 - the base class's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with serving(Handler) as self.url:
            yield self


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    yield from Workspace().serve()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_events_follow_no_redirect(
    shell: Shell, segment: TrackingApi, elsewhere: Listener, status: int
) -> None:
    """A 307 takes the body along, and the write key is in it."""
    location = {"Location": f"{elsewhere.url}/v1/batch"}
    segment.answer = lambda _number, _source: Answer(status, location, accept=False)
    told = shell.run(*SEND, "--host", segment.url, code=1, env=variables(KEYS)).stderr
    assert elsewhere.heard == []
    assert "redirect" in told
    assert str(status) in told
    segment.answer = lambda _number, _source: OK
    shell.run(*SEND, "--host", segment.url, "--resume", env=variables(KEYS))
    assert segment.received


@pytest.mark.parametrize("status", [301, 307])
def test_the_token_follows_no_redirect(
    shell: Shell, workspace: Workspace, elsewhere: Listener, status: int
) -> None:
    """The same for the Public API, whose token can do everything."""
    workspace.status, workspace.headers = status, {"Location": elsewhere.url}
    env = {"SEGMENT_PUBLIC_API_TOKEN": TOKEN}
    told = shell.run("segment", "teardown", "--api-host", workspace.url, code=1, env=env).stderr
    assert elsewhere.heard == []
    assert str(status) in told


def test_events_for_this_machine_use_no_proxy(
    shell: Shell, segment: TrackingApi, elsewhere: Listener
) -> None:
    """The proxy would read the write keys: there is no TLS."""
    shell.run(*SEND, "--host", segment.url, env=variables(KEYS) | proxies(elsewhere))
    assert elsewhere.heard == []
    assert segment.received


def test_a_token_for_this_machine_uses_no_proxy(
    shell: Shell, workspace: Workspace, elsewhere: Listener
) -> None:
    """The same for the token."""
    env = {"SEGMENT_PUBLIC_API_TOKEN": TOKEN, **proxies(elsewhere)}
    shell.run("segment", "teardown", "--api-host", workspace.url, env=env)
    assert elsewhere.heard == []
    assert workspace.paths == ["/"]


@pytest.mark.parametrize("region", ["api.segment.io", "events.eu1.segmentapis.com"])
def test_a_proxy_sees_a_tunnel_only(shell: Shell, elsewhere: Listener, region: str) -> None:
    """At a company a proxy is the only way out; it must not read what goes through it."""
    env = variables(KEYS) | proxies(elsewhere)
    shell.run(*SEND, "--host", region, code=1, env=env)
    heard = b"".join(elsewhere.heard)
    assert elsewhere.heard[0].startswith(f"CONNECT {region}:443 ".encode())
    for key in KEYS.values():
        assert key.encode() not in heard
        assert base64.b64encode(f"{key}:".encode()) not in heard
    assert b"Authorization" not in heard


def test_a_proxy_sees_a_tunnel_only_for_the_token(
    shell: Shell, elsewhere: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the Public API."""
    monkeypatch.setattr(api, "TRIES", 1)
    env = {"SEGMENT_PUBLIC_API_TOKEN": TOKEN, **proxies(elsewhere)}
    shell.run("segment", "teardown", code=1, env=env)
    assert elsewhere.heard[0].startswith(b"CONNECT api.segmentapis.com:443 ")
    assert TOKEN.encode() not in b"".join(elsewhere.heard)
    assert b"Authorization" not in b"".join(elsewhere.heard)


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


def test_a_netrc_replaces_no_token(
    shell: Shell, workspace: Workspace, netrc: dict[str, str]
) -> None:
    """The same for the Public API: its server sees the token."""
    env = {"SEGMENT_PUBLIC_API_TOKEN": TOKEN, **netrc}
    shell.run("segment", "teardown", "--api-host", workspace.url, env=env)
    assert workspace.authorizations == [f"Bearer {TOKEN}"]


def modes(folder: Path) -> dict[str, str]:
    """The modes of a folder and of all that is in it."""
    return {
        str(path.relative_to(folder.parent)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in (folder, *folder.rglob("*"))
    }


def private(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        allowed = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == allowed, modes(folder)


@pytest.fixture
def open_umask() -> Iterator[None]:
    """What is created is open to everybody unless somebody sees to it."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_what_segment_needs_is_made_private_not_turned_private(
    shell: Shell, segment: TrackingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between creation and a chmod somebody can open it."""

    def refuse(path: Path, _mode: int) -> None:
        raise AssertionError(f"{path} was created with another mode")

    monkeypatch.setattr(Path, "chmod", refuse)
    monkeypatch.setattr(os, "chmod", refuse)
    shell.run(*SEND, "--host", segment.url, env=variables(KEYS))
    folder = shell.folder / ".segment"
    assert list((folder / "sent").glob("*.sqlite"))
    private(folder)


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("command", ["send-events", "teardown"])
def test_what_is_open_to_others_is_closed(
    shell: Shell, segment: TrackingApi, workspace: Workspace, tmp_path: Path, command: str
) -> None:
    """An earlier version, or an editor, made it."""
    folder = shell.folder / ".segment"
    for name in ("workspaces", "sent"):
        (folder / name).mkdir(parents=True)
    (folder / "sent" / "old.sqlite").write_bytes(b"")
    (folder / "workspaces" / "old.json").write_text("{}")
    lines = [f"{name}={key}" for name, key in variables(KEYS).items()]
    (folder / "keys.env").write_text("\n".join([*lines, f"SEGMENT_PUBLIC_API_TOKEN={TOKEN}"]))
    target = tmp_path / "notes"
    target.write_text("not a secret, and elsewhere")
    if command == "send-events":
        shell.run(*SEND, "--host", segment.url)
    else:
        shell.run("segment", "teardown", "--api-host", workspace.url)
    private(folder)
    (folder / "notes").symlink_to(target)
    shell.run("segment", "teardown", "--api-host", workspace.url)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666


def test_a_file_in_its_place_is_an_error(shell: Shell, segment: TrackingApi) -> None:
    """Nothing is sent that could not be recorded."""
    (shell.folder / ".segment").write_text("mine")
    told = shell.run(*SEND, "--host", segment.url, code=1, env=variables(KEYS)).stderr
    assert ".segment cannot be made" in told
    assert segment.requests == 0


@pytest.mark.parametrize(
    "workspace_id",
    ["../../../x/escaped", "/tmp/escaped", "a/b", "a\\b", "", ".", "..", "a\nb", "a" * 65, None],  # noqa: S108
)
def test_the_id_of_a_workspace_is_an_id(shell: Shell, workspace_id: str | None) -> None:
    """It names a file, which would be written, and deleted, anywhere."""
    env = {"SEGMENT_PUBLIC_API_TOKEN": TOKEN}
    for workspace in Workspace(workspace_id).serve():
        host = ("--api-host", workspace.url)
        told = shell.run("segment", "teardown", *host, code=1, env=env).stderr
    assert "not a valid id" in told
    assert list(shell.folder.rglob("*.json")) == []


@pytest.mark.parametrize("kind", ["sources", "destinations"])
@pytest.mark.parametrize("made", ["../workspaces", "a?b=c", "a#b", "a/b", "", "a b", "\u2025"])
def test_the_id_of_what_was_made_is_an_id(
    shell: Shell, workspace: Workspace, made: str, kind: str
) -> None:
    """It is part of a URL: something else would be deleted."""
    record = shell.folder / ".segment" / "workspaces" / "workspace1.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"sources": {}, "destinations": {}, kind: {"ios-prod": made}}))
    env = {"SEGMENT_PUBLIC_API_TOKEN": TOKEN}
    told = shell.run("segment", "teardown", "--api-host", workspace.url, code=1, env=env).stderr
    assert workspace.paths == ["/"]
    assert "not a valid id" in told
    assert record.exists()
