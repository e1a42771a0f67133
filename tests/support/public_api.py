"""Segment's Public API on loopback: it takes and gives what Segment's own SDK says.

`public_api.ts` names the SDK's types of each operation; `schema` makes JSON Schema of them, and
each request and each answer is held against it.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import jsonschema

from tests.support import PROJECT
from tests.support.loopback import serving

AWS_S3, AMAZON_S3 = "60be92c8dabdd561bf6c9130", "54f418c3db31d978f14aa925"
PAGE = 2  # small, so that every list has several
Thing = dict[str, Any]


def schema() -> Thing:
    """Make JSON Schema of the SDK's types; takes seconds."""
    command = [
        *(PROJECT / "node_modules/.bin/ts-json-schema-generator", "--no-type-check"),
        *("--path", PROJECT / "tests/support/public_api.ts", "--type", "PublicApi"),
    ]
    made = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    found: Thing = json.loads(made.stdout)
    for name, definition in found["definitions"].items():
        if name.endswith("Enum"):  # declared without the texts that are sent
            definition.clear()
            definition["type"] = "string"
    return found


class Request(NamedTuple):
    """What was asked for."""

    method: str
    path: str
    query: Thing
    body: Thing | None


class RefusalError(Exception):
    """An answer that is no success; `apply` says whether the request is done all the same."""

    def __init__(
        self, status: int, message: str, *, apply: bool = False, drop: bool = False, **headers: str
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers
        self.apply, self.drop = apply, drop


class PublicApi:
    """The server and the one workspace that it has.

    Attributes:
        refuse: raises a RefusalError for a request, to have it fail.
        requests: what was asked for, in order.
        complaints: where a request or an answer was not what the SDK has. A test expects none.
    """

    def __init__(self, types: Thing, token: str) -> None:
        self.types, self.token = types, token
        self.refuse: Callable[[Request], None] = lambda _request: None
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        self.sources: dict[str, Thing] = {}
        self.destinations: dict[str, Thing] = {}
        self.may_read_keys = True
        self.s3_options = ["awsRegion", "bucket", "iamRoleArn"]
        self.made = 0
        self.url = ""

    def add_source(self, slug: str) -> Thing:
        """Add a source, as somebody would in the app."""
        return self._create_source(
            {"slug": slug, "enabled": True, "metadataId": "id-of-javascript", "settings": {}}
        )

    def answer(self, request: Request, authorization: str) -> tuple[int, Thing, dict[str, str]]:
        """Answer one request: status, body, headers."""
        self.requests.append(request)
        template = re.sub("(?:(?<=/sources/)|(?<=/destinations/)).+", "{id}", request.path)
        operation = f"{request.method} {template}"
        try:
            self._check(operation, request, authorization)
            data = {"data": self._do_unless_refused(template, request)}
        except RefusalError as refusal:
            errors = [{"type": "refused", "message": refusal.message, "status": refusal.status}]
            self._hold("error", {"errors": errors}, self._type("error"))
            if refusal.drop:
                raise
            return refusal.status, {"errors": errors}, refusal.headers
        self._hold(f"answer to {operation}", data, self._type(operation)["properties"]["response"])
        return 201 if operation == "POST /sources" else 200, data, {}

    def _check(self, operation: str, request: Request, authorization: str) -> None:
        """Refuse who may not ask, and complain of what the SDK does not ask like this."""
        if authorization != f"Bearer {self.token}":
            raise RefusalError(401, "Unauthorized")
        types = self._type(operation)["properties"]
        for part, value in (("query", request.query), ("body", request.body)):
            if part in types:
                self._hold(f"{part} of {operation}", value, types[part])
            elif value:
                self.complaints.append(f"{part} of {operation}: none is taken")

    def _do_unless_refused(self, template: str, request: Request) -> Thing:
        try:
            self.refuse(request)
        except RefusalError as refusal:
            if refusal.apply:
                self._do(template, request)
            raise
        return self._do(template, request)

    def _type(self, name: str) -> Thing:
        types: dict[str, Thing] = self.types["definitions"]["PublicApi"]["properties"]
        if name not in types:
            self.complaints.append(f"no operation {name}")
            raise RefusalError(404, "Not Found")
        return types[name]

    def _hold(self, what: str, value: object, wanted: Thing) -> None:
        # Not `jsonschema.validate`, which checks all of the schema each time.
        validator = jsonschema.Draft7Validator({**wanted, "definitions": self.types["definitions"]})
        for error in validator.iter_errors(value):
            self.complaints.append(f"{what}: {error.message} at {list(error.path)}")
            raise RefusalError(400, error.message)

    def _do(self, template: str, request: Request) -> Thing:
        name, last = template.split("/")[1], request.path.rpartition("/")[2]
        things = self.sources if name == "sources" else self.destinations
        if request.method in {"PATCH", "DELETE"}:
            self._find(things, last)
        match request.method, template:
            case "POST", _:
                create = self._create_source if name == "sources" else self._create_destination
                return {name.removesuffix("s"): create(request.body or {})}
            case "PATCH", _:
                things[last].update(request.body or {})
                return {"destination": things[last]}
            case "DELETE", _:
                del things[last]
                return {"status": "SUCCESS"}
        return self._get(template, last, request)

    def _get(self, template: str, last: str, request: Request) -> Thing:
        match template:
            case "/":
                return {"workspace": {"id": "workspace1", "slug": "shop", "name": "The Shop"}}
            case "/catalog/destinations/{id}":
                return {"destinationMetadata": self._destination_kind(last)}
            case "/sources/{id}":
                source = self._shown(self._find(self.sources, last))
                return {"source": source, "trackingPlanId": None}
            case "/sources":
                return self._page("sources", [*map(self._shown, self.sources.values())], request)
            case "/destinations":
                return self._page("destinations", [*self.destinations.values()], request)
        kinds = ("android", "http-api", "ios", "javascript", "kotlin", "python", "ruby")
        return self._page("sourcesCatalog", [*map(_source_kind, kinds)], request)

    def _page(self, name: str, items: list[Thing], request: Request) -> Thing:
        start = int(request.query["pagination"].get("cursor", "0"))
        pagination: Thing = {"current": str(start), "totalEntries": len(items)}
        if start + PAGE < len(items):
            pagination["next"] = str(start + PAGE)
        return {name: items[start : start + PAGE], "pagination": pagination}

    def _find(self, things: dict[str, Thing], found: str) -> Thing:
        if found not in things:
            raise RefusalError(404, f"{found} was not found")
        return things[found]

    def _shown(self, source: Thing) -> Thing:
        return source if self.may_read_keys else source | {"writeKeys": []}

    def _create_source(self, body: Thing) -> Thing:
        if any(source["slug"] == body["slug"] for source in self.sources.values()):
            raise RefusalError(400, f"The slug {body['slug']} is taken")
        self.made += 1
        source = {
            "id": f"source{self.made}",
            "slug": body["slug"],
            "name": body["slug"],
            "workspaceId": "workspace1",
            "enabled": body["enabled"],
            "writeKeys": [f"write-key-{self.made}"],
            "metadata": _source_kind(body["metadataId"].removeprefix("id-of-")),
            "settings": body.get("settings", {}),
            "labels": [],
        }
        self.sources[source["id"]] = source
        return self._shown(source)

    def _create_destination(self, body: Thing) -> Thing:
        self._find(self.sources, body["sourceId"])
        kind = self._destination_kind(body["metadataId"])
        options = {option["name"] for option in kind["options"]}
        if set(body["settings"]) != options:
            raise RefusalError(400, f"settings are {sorted(options)}")
        self.made += 1
        destination = {
            "id": f"destination{self.made}",
            "name": body.get("name", ""),
            "enabled": body.get("enabled", True),
            "metadata": kind,
            "sourceId": body["sourceId"],
            "settings": body["settings"],
        }
        self.destinations[destination["id"]] = destination
        return destination

    def _destination_kind(self, metadata_id: str) -> Thing:
        if metadata_id not in {AWS_S3, AMAZON_S3}:
            raise RefusalError(404, "no such destination in the catalog")
        return {
            "id": metadata_id,
            "name": "AWS S3" if metadata_id == AWS_S3 else "Amazon S3",
            "description": "",
            "slug": "aws-s3" if metadata_id == AWS_S3 else "amazon-s3",
            "logos": {"default": ""},
            "options": [
                {"name": name, "type": "string", "required": True} for name in self.s3_options
            ],
            "status": "PUBLIC",
            "previousNames": [],
            "categories": ["Raw Data"],
            "website": "https://aws.amazon.com/s3/",
            "components": [],
            "supportedFeatures": {},
            "supportedMethods": {},
            "supportedPlatforms": {},
            "actions": [],
            "presets": [],
        }


def _source_kind(slug: str) -> Thing:
    return {
        "id": f"id-of-{slug}",
        "name": slug.title(),
        "slug": slug,
        "description": "",
        "logos": {"default": ""},
        "options": [],
        "categories": [],
        "isCloudEventSource": False,
    }


def _query(text: str) -> Thing:
    """Read `pagination[count]=2` as the API does: nested, and a number for a number."""
    nested: Thing = {}
    for name, value in parse_qsl(text):
        outer, _, inner = name.rstrip("]").partition("[")
        nested.setdefault(outer, {})[inner] = int(value) if inner == "count" else value
    return nested


@contextmanager
def serve(types: Thing, token: str) -> Iterator[PublicApi]:
    """Run the server on a free port of loopback."""
    api = PublicApi(types, token)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", "0"))
            body = json.loads(self.rfile.read(length)) if length else None
            request = Request(self.command, url.path, _query(url.query), body)
            try:
                status, answer, headers = api.answer(request, self.headers.get("Authorization", ""))
            except RefusalError:  # no answer at all
                self.close_connection = True
                self.connection.close()
                return
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Handler) as api.url:
        yield api
