"""Refuses every request to the embedded AWS that its user has not signed.

A Lambda function or a Glue job is code that runs as the user, so whoever may call the embedded AWS
may do everything that the user may: a page in the user's browser, another user of the machine. AWS
knows its callers by the signature of each request. So does this, for every request and in front of
everything else. MiniStack alone takes a 12-digit access key for the account's owner, unchecked.

The signature itself is computed by MiniStack (`ministack.core.sigv4`), as are AWS's error codes.
"""

import hashlib
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from embedded_aws import hooks

logger = logging.getLogger(__name__)

Message = Any  # ASGI's own dictionaries
Signature = Any  # MiniStack's own
App = Callable[[Message, Any, Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# A custom resource answers CloudFormation at a URL that has 122 random bits instead of a signature.
_RESPONSE_URL = re.compile(r"/_ministack/cfn-response/[0-9a-f-]{36}")
# What MiniStack has for itself: state, resets, settings. AWS has no such paths.
_OWN_PATHS = "/_"
_BROWSERS_HEADERS = (b"origin", b"referer", b"sec-fetch-site")
_SIGNED_HEADERS = re.compile("SignedHeaders=([a-z0-9;_.-]+)")
_MOST_EXPIRES_SECONDS = 7 * 24 * 3600
_STREAMED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_UNSIGNED = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
_INCOMPLETE = "IncompleteSignature"
_CREDENTIAL = "X-Amz-Credential"
# MiniStack reads the parts wherever they are, and nothing else that is there.
_HEADER = re.compile(
    "AWS4-HMAC-SHA256 Credential=([^ ,]+), *SignedHeaders=[a-z0-9;_.-]+, *Signature=[0-9a-f]{64}"
)


class Refusal(NamedTuple):
    """Why a request is refused: AWS's error code and its text."""

    code: str
    message: str


@dataclass(frozen=True)
class Request:
    """A request as it arrived.

    Attributes:
        method, path, raw_path: the path decoded, and as it was sent.
        raw_headers: as ASGI has them: names in lower case, repeated where they are.
        headers: by name; values of a repeated header joined by a comma, as signatures have them.
        query: values by name.
    """

    method: str
    path: str
    raw_path: str
    raw_headers: list[tuple[bytes, bytes]]
    headers: dict[str, str]
    query: dict[str, list[str]]

    @classmethod
    def of(cls, scope: Message) -> "Request":
        """Read an ASGI scope."""
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), hooks.sigv4.decode_header_value(value)
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        query = scope.get("query_string", b"").decode("utf-8", "replace")
        return cls(
            method=scope["method"],
            path=scope["path"],
            raw_path=scope["raw_path"].decode("latin-1"),
            raw_headers=scope["headers"],
            headers=headers,
            query=parse_qs(query, keep_blank_values=True),
        )

    def count(self, name: bytes) -> int:
        """How often a header was sent."""
        return sum(key.lower() == name for key, _ in self.raw_headers)


_UNSUPPORTED = Refusal(
    "UnsupportedSignature", "The request signature does not conform to AWS standards."
)


class Gate:
    """An ASGI application in front of MiniStack's.

    Args:
        app: what a request that may come in goes to.
        port: the loopback port that it is served on.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":  # nothing here has one
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._serve(scope, receive, _without_cors(send))

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        request = Request.of(scope)
        reason = self._foreign(request)
        if reason:
            logger.warning("Refused %s %s: %s", request.method, request.raw_path, reason)
            await _answer(send, 403, {"Content-Type": "text/plain"}, f"{reason}\n".encode())
            return
        if request.method == "PUT" and _RESPONSE_URL.fullmatch(request.raw_path):
            await self._app(scope, receive, send)
            return
        arrived, body = await _whole(receive)
        refusal = _UNSUPPORTED if request.path.startswith(_OWN_PATHS) else check(request, body)
        if refusal:
            logger.warning("Refused %s %s: %s", request.method, request.raw_path, refusal.code)
            await _answer(send, *_in_words_of_aws(request, refusal))
            return
        await self._app(scope, _again(arrived, receive), send)

    def _foreign(self, request: Request) -> str:
        """Why a request is not for this server, or comes from a web page; empty otherwise."""
        if request.count(b"host") != 1 or request.headers["host"] not in self._hosts:
            return "The embedded AWS is served as 127.0.0.1 only."
        # Hadoop's S3A names the running operation in a Referer, for S3's access log, and signs it.
        # A page cannot: whoever does not know the key does not get past the signature.
        signed = _SIGNED_HEADERS.search(request.headers.get("authorization", ""))
        own = {b"referer"} if signed and "referer" in signed[1].split(";") else set()
        if any(request.count(name) for name in _BROWSERS_HEADERS if name not in own):
            return "The embedded AWS does not answer web pages."
        return ""


def check(request: Request, body: bytes) -> Refusal | None:
    """Check a request's signature, its time and its body, as AWS does.

    Returns:
        why it is refused; None where it is signed by a key that the embedded AWS knows.

    Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    by_header = request.headers.get("authorization", "")
    by_query = any(name.lower() in _QUERY_SIGNATURES for name in request.query)
    if not by_header and not by_query:
        return Refusal("MissingAuthenticationToken", "Request is missing Authentication Token")
    # One signature: what is checked here has to be what MiniStack goes by.
    if (by_header and by_query) or request.count(b"authorization") > 1:
        return _UNSUPPORTED
    algorithm = by_header.partition(" ")[0] or _one(request, "X-Amz-Algorithm")
    if algorithm != "AWS4-HMAC-SHA256":
        return _UNSUPPORTED
    signature = (
        hooks.sigv4.parse_query_signature(request.query)
        if by_query
        else hooks.sigv4.parse_header_signature(request.headers)
    )
    if isinstance(signature, tuple):
        return Refusal(*signature)
    scope = f"{signature.date_stamp}/{signature.region}/{signature.service}/aws4_request"
    whole = _HEADER.fullmatch(by_header)
    credential = whole[1] if whole else _one(request, _CREDENTIAL)
    if credential != f"{signature.access_key_id}/{scope}":
        return Refusal(_INCOMPLETE, "Credential must be keyid/date/region/service/aws4_request")
    return (
        _expired(request, signature, presigned=by_query)
        or _unsigned_header(request, signature)
        or _wrong_body(request, signature, body, presigned=by_query)
        or _wrong_signature(request, signature, body, presigned=by_query)
    )


_QUERY_SIGNATURES = {
    *("x-amz-algorithm", "x-amz-credential", "x-amz-signature", "x-amz-signedheaders"),
    *("awsaccesskeyid", "signature"),
}


def _one(request: Request, name: str) -> str:
    """The value of a query parameter; empty where it is not there exactly once."""
    values = request.query.get(name, [])
    return values[0] if len(values) == 1 else ""


def _expired(request: Request, signature: Signature, *, presigned: bool) -> Refusal | None:
    try:
        signed = datetime.strptime(signature.amz_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return Refusal(_INCOMPLETE, "Date must be in ISO-8601 'basic format'.")
    skewed = hooks.sigv4.request_time_failure(signature)
    if not presigned:
        return Refusal(*skewed) if skewed else None
    try:
        seconds = int(_one(request, "X-Amz-Expires"))
    except ValueError:
        return Refusal(_INCOMPLETE, "X-Amz-Expires should be a number")
    now = datetime.now(UTC)
    if not 0 < seconds <= _MOST_EXPIRES_SECONDS or now > signed + timedelta(seconds=seconds):
        return Refusal("RequestExpired", "Request has expired")
    return Refusal(*skewed) if skewed and signed > now else None


def _unsigned_header(request: Request, signature: Signature) -> Refusal | None:
    """A header that means something to AWS and that anybody could have changed."""
    signed = signature.signed_headers.split(";")
    needed = ["host", *(name for name in request.headers if name.startswith("x-amz-"))]
    missing = [name for name in needed if name not in signed]
    if missing:
        return Refusal(
            "SignatureDoesNotMatch",
            f"There were headers present in the request which were not signed: {missing[0]}",
        )
    return None


def _wrong_body(
    request: Request, signature: Signature, body: bytes, *, presigned: bool
) -> Refusal | None:
    """A body that is not the one whose hash was signed; only S3 takes one without a hash."""
    declared = request.headers.get("x-amz-content-sha256")
    if declared is None or declared == hashlib.sha256(body).hexdigest():
        return None
    unhashed = declared in _UNSIGNED or (declared.startswith(_STREAMED) and not presigned)
    if signature.service == "s3" and unhashed:
        return None
    return Refusal("SignatureDoesNotMatch", hooks.sigv4.SIGNATURE_MISMATCH)


def _wrong_signature(
    request: Request, signature: Signature, body: bytes, *, presigned: bool
) -> Refusal | None:
    key = signature.access_key_id
    token = request.headers.get("x-amz-security-token", "")
    if presigned:
        token = _one(request, "X-Amz-Security-Token")
    credential = hooks.iam_evaluator.resolve_credential(key, _account_of(key), token)
    if isinstance(credential, hooks.iam_evaluator.CredentialResolutionError):
        return Refusal(credential.code, credential.message)
    failure = hooks.sigv4.header_signature_failure(
        signature,
        credential.secret_access_key,
        request.method,
        request.raw_path,
        request.query,
        request.headers,
        body,
        presigned=presigned,
    )
    return Refusal(*failure) if failure else None


def _account_of(access_key: str) -> str:
    """The account of a key: a session's, a user's, or the 12 digits that are the key."""
    hooks.responses.set_request_account_id(hooks.app.request_account_scope(access_key))
    return str(hooks.responses.get_account_id())


def _in_words_of_aws(request: Request, refusal: Refusal) -> tuple[int, Mapping[str, str], bytes]:
    """The answer in the form of the service that the signature names, else as JSON.

    MiniStack's own way to find out the service takes seconds for one that there is not.
    """
    scope = request.headers.get("authorization", "") + _one(request, _CREDENTIAL)
    named = re.search(r"/([a-z0-9-]+)/aws4_request", scope)
    answer: tuple[int, dict[str, str], bytes] = hooks.app.credential_failure(
        named[1] if named else "", "", str(uuid.uuid4()), refusal, request.headers
    )
    return answer


async def _whole(receive: Receive) -> tuple[list[Message], bytes]:
    """The messages of a request up to the end of its body, and the body."""
    arrived: list[Message] = []
    while not arrived or arrived[-1].get("more_body"):
        arrived.append(await receive())
    return arrived, b"".join(message.get("body", b"") for message in arrived)


def _again(arrived: list[Message], receive: Receive) -> Receive:
    """Hand on what was received, then whatever comes."""
    waiting = iter(arrived)

    async def receive_again() -> Message:
        return next(waiting, None) or await receive()

    return receive_again


def _without_cors(send: Send) -> Send:
    """Take away the headers by which MiniStack lets any page read its answers."""

    async def send_without(message: Message) -> None:
        if "headers" in message:
            kept = [
                (name, value)
                for name, value in message["headers"]
                if not name.lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": kept}
        await send(message)

    return send_without


async def _answer(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
