"""Lets only the user's own browser into the console.

Whoever may call the console may do in the account what its user may. A page of another site is
known by its Origin, a name that leads here by its Host; another user of this machine does not have
the key, which only the address has that the command prints.
"""

import hmac
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FOREIGN = "The console answers its own pages only, at 127.0.0.1.\n"
_NO_KEY = "Open the address that `workshop console` has printed, or run: workshop open console\n"
# The library compiles its templates in the browser; nothing comes from, or goes, anywhere else.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = ((b"content-security-policy", _POLICY.encode()), (b"referrer-policy", b"no-referrer"))


class Guard:
    """An ASGI middleware in front of everything.

    Args:
        app: what a request that may come in goes to.
        port: the loopback port that it is served on.
        key: what the address has; the browser keeps it in a cookie that no script can read.
    """

    def __init__(self, app: ASGIApp, port: int, key: str) -> None:
        self._app, self._key, self._cookie = app, key, f"console-{port}"
        self._hosts = {f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
        answer: ASGIApp = PlainTextResponse(_NO_KEY, 403)
        if self._is_foreign(headers):
            answer = PlainTextResponse(_FOREIGN, 403)
        elif self._is_key(given):
            answer = redirect = RedirectResponse(scope["path"], 303)
            redirect.set_cookie(self._cookie, self._key, httponly=True, samesite="lax")
        elif self._is_key(cookie_parser(headers.get("cookie", "")).get(self._cookie, "")):
            answer = self._app
        await answer(scope, receive, _guarded(send))

    def _is_foreign(self, headers: Headers) -> bool:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        own = len(hosts) == 1 and hosts[0] in self._hosts
        return not own or any(origin != f"http://{hosts[0]}" for origin in origins)

    def _is_key(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._key.encode())


def _guarded(send: Send) -> Send:
    """Add the headers that keep the page to itself."""

    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return send_with
