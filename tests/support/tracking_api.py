"""Segment's tracking API on loopback: the batch endpoint, as strict as Segment documents it.

Source: segment-docs, connections/sources/catalog/libraries/server/http-api. Where Segment answers
200 and drops what it does not want (an unknown write key, a call without a user), this refuses it.
"""

import base64
import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

KB = 1000
CALL, REQUEST, CALLS, MESSAGE_ID = 32 * KB, 500 * KB, 2500, 100
TYPES = {"identify": "traits", "track": "properties", "page": "properties", "screen": "properties"}
Message = dict[str, Any]


class Received(NamedTuple):
    """A message, and the source whose key it came with."""

    source: str
    message: Message


class Answer(NamedTuple):
    """What to do with a request: answer it like this, and accept it first or not."""

    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    accept: bool = True
    seconds: float = 0
    drop: bool = False


OK = Answer()


class TrackingApi:
    """The server.

    Attributes:
        answer: decides on each request: its number, from 0, and its source.
        received: every message that it has accepted, as it arrived: Segment drops repeated
            messageIds later.
        refused: why requests were refused.
        requests: how many there were.
    """

    def __init__(self, keys: dict[str, str]) -> None:
        self.sources = {key: source for source, key in keys.items()}
        self.answer: Callable[[int, str], Answer] = lambda _number, _source: OK
        self.received: list[Received] = []
        self.refused: list[str] = []
        self.requests = 0
        self.lock = threading.Lock()
        self.url = ""

    def unique(self) -> dict[str, Received]:
        """The messages by their ids, as after Segment's deduplication."""
        return {one.message["messageId"]: one for one in self.received}

    def handle(self, request: Request) -> Answer:
        """Judge one request, and keep what it brings."""
        try:
            source, batch = self._parse(request, request.get_data())
        except ValueError as error:
            with self.lock:
                self.refused.append(str(error))
            return Answer(status=int(str(error)[:3]), accept=False)
        with self.lock:
            number = self.requests
            self.requests += 1
        answer = self.answer(number, source)
        time.sleep(answer.seconds)
        if answer.accept:
            with self.lock:
                self.received += [Received(source, message) for message in batch]
        return answer

    def _parse(self, request: Request, body: bytes) -> tuple[str, list[Message]]:
        """Return source and messages; a ValueError begins with the status."""

        def need(holds: object, complaint: str) -> None:
            if not holds:
                raise ValueError(complaint)

        need(request.path == "/v1/batch", f"404 {request.path}")
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        key, colon, password = base64.b64decode(credentials).decode().partition(":")
        need((scheme, colon, password) == ("Basic", ":", ""), "401 no basic authorization")
        need(key in self.sources, "401 unknown write key")
        need(request.headers["Content-Type"] == "application/json", "400 content type")
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        need(len(body) <= REQUEST, f"400 a request of {len(body)} bytes")
        content = json.loads(body)
        need(content["writeKey"] == key, "400 another writeKey in the body")
        batch = content["batch"]
        need(1 <= len(batch) <= CALLS, f"400 a batch of {len(batch)}")
        for call in batch:
            need(len(json.dumps(call)) <= CALL, "400 a call over 32 KB")
            need(call["type"] in TYPES, f"400 type {call['type']}")
            need(call.get("userId") or call.get("anonymousId"), "400 no_user_anon_id")
            need(isinstance(call[TYPES[call["type"]]], dict), "400 no traits or properties")
            need(call["type"] != "track" or call["event"], "400 a track call without event")
            need(0 < len(call["messageId"]) < MESSAGE_ID, "400 messageId")
            need(datetime.fromisoformat(call["timestamp"]).tzinfo, "400 timestamp without zone")
            need(call["context"]["library"]["name"] == "analytics-python", "400 library")
        need(datetime.fromisoformat(content["sentAt"]).tzinfo, "400 sentAt without zone")
        return self.sources[key], batch


@contextmanager
def serve(keys: dict[str, str]) -> Iterator[TrackingApi]:
    """Run the server on a free port of loopback, for sources by their write keys."""
    api = TrackingApi(keys)

    def respond(request: Request) -> Response:
        answer = api.handle(request)
        if answer.drop:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        code = "ok" if answer.status < 300 else "invalid_request"
        body = {"success": answer.status < 300, "code": code, "message": code}
        return Response(json.dumps(body), answer.status, answer.headers)

    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        server.expect_request(re.compile(".*")).respond_with_handler(respond)
        api.url = f"http://127.0.0.1:{server.port}"
        yield api
