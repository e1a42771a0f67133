"""`segment setup` and `teardown` against the Public API that Segment's own SDK describes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dotenv
import pytest

from embedded_aws.server import EmbeddedAws
from stacks import outputs
from tests.support import PROJECT, public_api
from tests.support.checkout import free_port, owner_of
from tests.support.public_api import AMAZON_S3, AWS_S3, PublicApi, RefusalError, Request
from tests.support.shell import Answer, Shell
from workshop.account import EMBEDDED_REGION
from workshop.environment import DEFAULT_STACK
from workshop.segment.api import PublicApi as Client

TOKEN = "token-5up3r53cr3t"  # noqa: S105 - of a server of this test
SOURCES = {
    "website-prod": "javascript",
    "android-prod": "android",
    "ios-prod": "ios",
    "personas-events-source": "python",
}
ROLE = "arn:aws:iam::111122223333:role/SegmentRole"
# What the deployed stack says of itself; test_workshop_stack.py has that it does.
STACK = {
    "Parameters": {"SegmentWorkspaceId": {"Type": "String", "Default": ""}},
    "Conditions": {"Has": {"Fn::Not": [{"Fn::Equals": [{"Ref": "SegmentWorkspaceId"}, ""]}]}},
    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "the-data"}}},
    "Outputs": {
        outputs.BUCKET: {"Value": {"Ref": "Bucket"}},
        **{name: {"Value": "-"} for name in (outputs.DATABASE, outputs.JOB, outputs.WORKGROUP)},
        outputs.SEGMENT_ROLE: {"Condition": "Has", "Value": ROLE},
    },
}
Stacks = dict[str, str]


@pytest.fixture(scope="module")
def types() -> dict[str, Any]:
    return public_api.schema()


@pytest.fixture
def api(types: dict[str, Any]) -> Iterator[PublicApi]:
    """Segment's side; whatever the test does, each request is one that the SDK would make."""
    with public_api.serve(types, TOKEN) as server:
        yield server
        assert server.complaints == []


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What leads to an embedded AWS: a stack there trusts the workspace, and others do not."""
    server = EmbeddedAws(tmp_path_factory.mktemp("aws"), free_port())
    with owner_of(server) as session:
        cloudformation = session.client("cloudformation")
        for name, workspace in ((DEFAULT_STACK, "workspace1"), ("None", ""), ("Other", "other")):
            template = json.dumps(STACK).replace("the-data", f"the-data-{name.lower()}")
            cloudformation.create_stack(
                StackName=name,
                TemplateBody=template,
                Parameters=[
                    {"ParameterKey": "SegmentWorkspaceId", "ParameterValue": workspace},
                ],
            )
            cloudformation.get_waiter("stack_create_complete").wait(
                StackName=name, WaiterConfig={"Delay": 1}
            )
        yield server.client_environment()


class Segment:
    """Runs `segment ...` with the token against the two servers."""

    def __init__(self, shell: Shell, api: PublicApi, endpoint: dict[str, str]) -> None:
        self.shell, self.api, self.endpoint = shell, api, endpoint

    def __call__(self, command: str, *arguments: str, code: int = 0, **env: str) -> Answer:
        host = ("--api-host", self.api.url)
        names = {**self.endpoint, "SEGMENT_PUBLIC_API_TOKEN": TOKEN, **env}
        return self.shell.run("segment", command, *host, *arguments, code=code, env=names)

    @property
    def keys(self) -> dict[str, str | None]:
        return dotenv.dotenv_values(self.shell.folder / ".segment" / "keys.env")

    @property
    def record(self) -> Path:
        return self.shell.folder / ".segment" / "workspaces" / "workspace1.json"

    def writes(self) -> list[str]:
        """Take the requests so far that change something."""
        made = [f"{r.method} {r.path}" for r in self.api.requests if r.method != "GET"]
        self.api.requests.clear()
        return made


@pytest.fixture
def segment(shell: Shell, api: PublicApi, endpoint: dict[str, str]) -> Segment:
    return Segment(shell, api, endpoint)


def complete(api: PublicApi) -> None:
    """Assert that the workspace is as the exercise needs it."""
    kinds = {source["slug"]: source["metadata"]["slug"] for source in api.sources.values()}
    assert kinds == SOURCES
    settings = {
        "awsRegion": EMBEDDED_REGION,
        "bucket": f"the-data-{DEFAULT_STACK.lower()}",
        "iamRoleArn": ROLE,
    }
    assert [d["sourceId"] for d in api.destinations.values()] == list(api.sources)
    for destination in api.destinations.values():
        assert destination["metadata"]["id"] == AWS_S3
        assert destination["enabled"]
        assert destination["settings"] == settings


def test_setup_makes_sources_destinations_and_keeps_the_keys(segment: Segment) -> None:
    """And says what is left to do by hand."""
    told = segment("setup").stdout
    complete(segment.api)
    assert segment.keys == {
        f"SEGMENT_WRITE_KEY_{source['slug'].upper().replace('-', '_')}": source["writeKeys"][0]
        for source in segment.api.sources.values()
    }
    file = segment.shell.folder / ".segment" / "keys.env"
    assert file.stat().st_mode & 0o077 == 0
    assert "Personas" in told
    assert "https://segment.com/docs/unify" in told
    assert not any(key and key in told for key in segment.keys.values())


def test_a_second_run_changes_nothing(segment: Segment) -> None:
    """An organizer runs it whenever in doubt."""
    segment("setup")
    keys = segment.keys
    assert len(segment.writes()) == 8
    told = segment("setup", "--json").json()
    assert segment.writes() == []
    assert {change["done"] for change in told["changes"]} == {""}
    assert segment.keys == keys
    complete(segment.api)


def test_it_puts_right_what_it_made(segment: Segment) -> None:
    """The stack was deployed anew with another suffix; somebody switched a destination off."""
    segment("setup")
    first, second, *_ = segment.api.destinations.values()
    first["settings"] = first["settings"] | {"bucket": "the-old-data"}
    second["enabled"] = False
    segment.writes()
    told = segment("setup", "--json").json()
    assert segment.writes() == [f"PATCH /destinations/{d['id']}" for d in (first, second)]
    assert [change["done"] for change in told["changes"]].count("updated") == 2
    complete(segment.api)


def test_teardown_removes_what_setup_made_and_nothing_else(segment: Segment) -> None:
    """Production sources live in the same workspace."""
    other = segment.api.add_source("production")
    mine = {"sourceId": other["id"], "settings": dict.fromkeys(segment.api.s3_options, "x")}
    segment.api._create_destination({**mine, "metadataId": AWS_S3})  # noqa: SLF001 - as in the app
    (segment.shell.folder / ".segment").mkdir()
    file = segment.shell.folder / ".segment" / "keys.env"
    file.write_text("SEGMENT_WRITE_KEY_EMAIL_PROD=mine-5up3r53cr3t\n")
    segment("setup")
    segment("teardown")
    assert [source["slug"] for source in segment.api.sources.values()] == ["production"]
    assert len(segment.api.destinations) == 1
    assert segment.keys == {"SEGMENT_WRITE_KEY_EMAIL_PROD": "mine-5up3r53cr3t"}
    assert not segment.record.exists()
    segment.writes()
    assert "nothing to remove" in segment("teardown").stderr
    assert segment.writes() == []


def test_what_was_deleted_by_hand_is_made_again_or_not_missed(segment: Segment) -> None:
    """Somebody tidied up in the app."""
    segment("setup")
    gone = next(iter(segment.api.sources))
    del segment.api.sources[gone]
    destination = next(d for d, one in segment.api.destinations.items() if one["sourceId"] == gone)
    del segment.api.destinations[destination]
    segment("setup")
    assert {source["slug"] for source in segment.api.sources.values()} == set(SOURCES)
    segment.api.destinations.clear()
    segment("teardown")
    assert segment.api.sources == {}


def test_a_name_taken_by_somebody_else_stops_it_before_anything_is_made(segment: Segment) -> None:
    """It must not adopt, or later delete, what is not its own."""
    segment.api.add_source("ios-prod")
    told = segment("setup", code=1).stderr
    assert "ios-prod" in told
    assert "Nothing was changed" in told
    assert segment.writes() == []
    segment("teardown")
    assert len(segment.api.sources) == 1


def test_another_s3_destination_of_a_source_stops_it(segment: Segment) -> None:
    """Two of them write each event twice. Another kind of destination is no matter."""
    segment("setup")
    source = next(iter(segment.api.sources))
    settings = dict.fromkeys(segment.api.s3_options, "x")
    extra = {"sourceId": source, "settings": settings}
    segment.api._create_destination({**extra, "metadataId": AMAZON_S3})  # noqa: SLF001 - in the app
    segment("setup")
    segment.record.write_text(
        json.dumps(json.loads(segment.record.read_text()) | {"destinations": {}})
    )
    segment.writes()
    told = segment("setup", code=1).stderr
    assert "S3 destinations of website-prod" in told
    assert segment.writes() == []


@pytest.mark.parametrize("apply", [False, True])
@pytest.mark.parametrize("path", ["/sources", "/destinations"])
@pytest.mark.parametrize("how", ["error", "silence"])
def test_a_failure_halfway_says_what_is_there_and_goes_on(
    segment: Segment, path: str, *, apply: bool, how: str
) -> None:
    """Done all the same or not: the next run finds out, and nothing is there twice."""
    count = 0

    def fail(request: Request) -> None:
        nonlocal count
        if (request.method, request.path) == ("POST", path):
            count += 1
            if count == 2:
                raise RefusalError(500, "out of order", apply=apply, drop=how == "silence")

    segment.api.refuse = fail
    told = segment("setup", code=1).stderr
    assert "Made so far: sources website-prod" in told
    assert "segment setup again" in told
    segment("setup")
    complete(segment.api)
    segment("teardown")
    assert segment.api.sources == segment.api.destinations == {}


def test_teardown_after_a_failure_does_not_guess(segment: Segment) -> None:
    """Whether it is there, and whose it is, setup finds out."""

    def fail(request: Request) -> None:
        if request.method == "POST" and request.body and request.body.get("slug") == "ios-prod":
            raise RefusalError(500, "out of order", apply=True)

    segment.api.refuse = fail
    segment("setup", code=1)
    told = segment("teardown", code=1).stderr
    assert "ios-prod" in told
    assert "segment setup" in told
    assert [source["slug"] for source in segment.api.sources.values()] == ["ios-prod"]
    segment.api.refuse = lambda _request: None
    segment("setup")
    segment("teardown")
    assert segment.api.sources == {}


def test_teardown_that_fails_says_what_is_left(segment: Segment) -> None:
    """And goes on when it is run again."""
    segment("setup")

    def fail(request: Request) -> None:
        if (request.method, request.path) == ("DELETE", "/sources/source3"):
            raise RefusalError(403, "Forbidden")

    segment.api.refuse = fail
    told = segment("teardown", code=1).stderr
    assert "Left: sources android-prod" in told
    segment.api.refuse = lambda _request: None
    segment("teardown")
    assert segment.api.sources == {}


def test_a_bad_token(segment: Segment) -> None:
    """Most often one of the other region's workspace."""
    told = segment("setup", code=1, SEGMENT_PUBLIC_API_TOKEN="bad-5up3r53cr3t").stderr
    assert "does not accept the token" in told
    assert "eu1.api.segmentapis.com" in told


def test_a_missing_permission(segment: Segment) -> None:
    """A token with the role Workspace Member sees, and may not make."""

    def fail(request: Request) -> None:
        if request.method == "POST":
            raise RefusalError(403, "Forbidden")

    segment.api.refuse = fail
    told = segment("setup", code=1).stderr
    assert "may not POST /sources" in told
    assert "Workspace Owner" in told
    assert "Made so far: nothing" in told
    assert not segment.record.exists()


def test_keys_that_the_token_may_not_see(segment: Segment) -> None:
    """Then they have to be copied by hand, which somebody must say."""
    segment.api.may_read_keys = False
    told = segment("setup", "--json").json()
    assert "SEGMENT_WRITE_KEY_IOS_PROD" in str(told["by_hand"])
    assert segment.keys == {}


def test_no_token(segment: Segment) -> None:
    """The one thing that everybody forgets."""
    told = segment("setup", code=1, SEGMENT_PUBLIC_API_TOKEN=" ").stderr
    assert "SEGMENT_PUBLIC_API_TOKEN" in told
    assert "Workspace Owner" in told


def test_a_token_in_a_file(segment: Segment, tmp_path: Path) -> None:
    """Where a command line or an environment would show it."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    file = ("--token-file", str(tmp_path / "token"))
    segment("setup", *file, SEGMENT_PUBLIC_API_TOKEN="")
    complete(segment.api)
    told = segment("setup", "--token-file", "nowhere", code=1).stderr
    assert "nowhere cannot be read" in told


def test_too_many_requests_are_waited_for(segment: Segment) -> None:
    """60 requests a minute is the lowest limit that Segment documents."""
    refused: list[Request] = []

    def fail(request: Request) -> None:
        if len(segment.api.requests) % 4 == 0 and len(refused) < 5:
            refused.append(request)
            raise RefusalError(429, "Too many requests", Retry_After="1")

    segment.api.refuse = fail
    segment("setup")
    assert len(refused) == 5
    complete(segment.api)


@pytest.mark.parametrize(
    ("stack", "names"), [("None", "no Segment workspace"), ("Other", "the workspace other")]
)
def test_a_stack_that_lets_this_workspace_write_nothing(
    segment: Segment, stack: str, names: str
) -> None:
    """Segment would try for an hour and say nothing."""
    told = segment("setup", "--stack", stack, code=1).stderr
    assert names in told
    assert "SegmentWorkspaceId=workspace1" in told
    assert segment.writes() == []


def test_the_catalog_decides_how_settings_are_called(segment: Segment) -> None:
    """Segment's page and Segment's exports differ."""
    segment.api.s3_options = ["region", "s3Bucket", "iamRoleArn"]
    segment("setup")
    destination, *_ = segment.api.destinations.values()
    assert destination["settings"]["s3Bucket"] == f"the-data-{DEFAULT_STACK.lower()}"
    segment("teardown")
    segment.api.s3_options = ["bucket", "key", "secret"]
    segment.writes()
    told = segment("setup", code=1).stderr
    assert "bucket, key, secret" in told
    assert segment.writes() == []


def test_segment_cannot_reach_the_embedded_aws(shell: Shell, endpoint: dict[str, str]) -> None:
    """Said before the token goes anywhere."""
    names = {**endpoint, "SEGMENT_PUBLIC_API_TOKEN": TOKEN}
    told = shell.run("segment", "setup", code=1, env=names).stderr
    assert "cannot write into the embedded AWS" in told


@pytest.mark.parametrize("host", ["example.com", "http://api.segmentapis.com", "api.segment.io"])
def test_the_token_goes_to_segment_only(shell: Shell, host: str) -> None:
    """A typo must not give it away."""
    names = {"SEGMENT_PUBLIC_API_TOKEN": TOKEN}
    told = shell.run("segment", "teardown", "--api-host", host, code=1, env=names).stderr
    assert "not one of Segment's hosts" in told


def test_what_was_set_up_can_be_sent_to(segment: Segment) -> None:
    """Setup keeps the keys where send-events looks for them."""
    from tests.support import tracking_api  # noqa: PLC0415

    segment("setup")
    keys = {source["slug"]: source["writeKeys"][0] for source in segment.api.sources.values()}
    with tracking_api.serve(keys) as events:
        shop = ("send-events", "--from", "2019-02-26", "--days", "1", "--events", "100")
        segment.shell.run(*shop, "--host", events.url)
        assert events.refused == []
        assert {one.source for one in events.received} <= set(SOURCES)
        assert len(events.received) > 50


def test_the_requests_are_those_of_segments_sdk(types: dict[str, Any]) -> None:
    """Method, path, query and body, as Segment's own client puts them."""
    settings = {"awsRegion": "eu-west-1", "bucket": "b", "iamRoleArn": "arn:aws:iam::1:role/r"}
    node = Path(sys.executable).parent / "node"
    with public_api.serve(types, TOKEN) as theirs, public_api.serve(types, TOKEN) as ours:
        script = PROJECT / "tests" / "support" / "sdk_calls.mjs"
        subprocess.run([node, script, theirs.url, TOKEN], check=True, env={**os.environ})
        client = Client(ours.url, TOKEN)
        client.call("GET", "/")
        for query in ({}, {"pagination[cursor]": "2"}):
            client.call("GET", "/catalog/sources", query={"pagination[count]": 200, **query})
        client.call("GET", f"/catalog/destinations/{AWS_S3}")
        body = {"slug": "website-prod", "enabled": True, "metadataId": "id-of-javascript"}
        source = client.call("POST", "/sources", {**body, "settings": {}})["source"]
        wanted = {"enabled": True, "settings": settings}
        to = {"sourceId": source["id"], "metadataId": AWS_S3, "name": "website-prod to S3"}
        destination = client.call("POST", "/destinations", to | wanted)["destination"]
        assert [one["id"] for one in client.pages("/sources", "sources")] == [source["id"]]
        assert len(list(client.pages("/destinations", "destinations"))) == 1
        client.call("PATCH", f"/destinations/{destination['id']}", wanted)
        client.call("GET", f"/sources/{source['id']}")
        client.call("DELETE", f"/destinations/{destination['id']}")
        client.call("DELETE", f"/sources/{source['id']}")
        assert ours.requests == theirs.requests
        assert ours.complaints == theirs.complaints == []
