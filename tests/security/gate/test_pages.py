"""No page in a browser gets into the embedded AWS, by whichever name or header."""

import re
from collections.abc import Iterator

import boto3
import pytest
from playwright.sync_api import Browser, Page
from pytest_httpserver import HTTPServer

from embedded_aws.server import EmbeddedAws
from tests.support.browser import opened_at
from tests.support.signing import BUCKET, CREATE, FORGED, FUNCTIONS, Signer, functions, raw
from workshop.account import EMBEDDED_ACCOUNT

SITE = "<!doctype html><title>evil</title><body></body>"


@pytest.fixture
def page_elsewhere(
    server: EmbeddedAws, owner: boto3.Session, browser: Browser, httpserver: HTTPServer
) -> Iterator[Page]:
    """A page of somebody else's site, also of one whose name leads to this machine."""
    assert functions(owner) == []

    httpserver.expect_request(re.compile(".*")).respond_with_data(SITE, content_type="text/html")
    url = f"http://evil.example:{httpserver.port}/"
    with opened_at(browser, url) as page:
        yield page
    assert functions(owner) == []
    assert (server.folder / "aws.log").read_text().count("Refused")


PRESIGNED = (
    f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={EMBEDDED_ACCOUNT}%2F20261127%2Fus-east-1"
    "%2Flambda%2Faws4_request&X-Amz-Date=20261127T000000Z&X-Amz-Expires=604800"
    "&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
)
TRY = """async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        return [answer.type, answer.status, await answer.text()];
    } catch (error) {
        return ["error", 0, String(error)];
    }
}"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example"])
def test_a_page_cannot_call_it(page_elsewhere: Page, server: EmbeddedAws, host: str) -> None:
    """Any page that is open in a browser would run code on this machine as its user."""
    at = f"http://{host}:{server.port}{FUNCTIONS}"
    header = {"Content-Type": "text/plain", "Authorization": FORGED % "lambda"}
    simple = {"Content-Type": "text/plain"}
    for url, options in (
        (at, {"method": "POST", "body": CREATE, "headers": header}),
        (at + PRESIGNED, {"method": "POST", "body": CREATE, "headers": simple}),
        (at, {"method": "GET", "headers": header}),
    ):
        kind, _, text = page_elsewhere.evaluate(TRY, [url, options])
        assert kind == "error", text
        silent = {**options, "mode": "no-cors", "headers": simple}
        kind, status, text = page_elsewhere.evaluate(TRY, [url, silent])
        assert (kind, status, text) in (("opaque", 0, ""), ("error", 0, text))


def test_a_page_cannot_post_a_form_to_it(page_elsewhere: Page, server: EmbeddedAws) -> None:
    """A form goes to any host, without a question."""
    with page_elsewhere.expect_navigation():
        page_elsewhere.evaluate(
            """url => {
                const form = Object.assign(document.createElement("form"),
                    {method: "POST", action: url, enctype: "text/plain"});
                document.body.append(form);
                form.submit();
            }""",
            f"http://127.0.0.1:{server.port}{FUNCTIONS}{PRESIGNED}",
        )
    assert "does not answer web pages" in page_elsewhere.content()


def test_a_page_cannot_show_an_image_of_it(page_elsewhere: Page, server: EmbeddedAws) -> None:
    """Not even whether an object exists is told."""
    loaded = page_elsewhere.evaluate(
        """url => new Promise(done => {
            const image = Object.assign(new Image(), {referrerPolicy: "no-referrer", src: url});
            image.onload = () => done(true);
            image.onerror = () => done(false);
        })""",
        f"http://127.0.0.1:{server.port}/{BUCKET}/picture.svg",
    )
    assert loaded is False


def test_a_page_cannot_open_a_socket_to_it(page_elsewhere: Page, server: EmbeddedAws) -> None:
    """A browser lets any page open one."""
    opened = page_elsewhere.evaluate(
        """url => new Promise(done => {
            const socket = new WebSocket(url);
            socket.onopen = () => done(true);
            socket.onerror = socket.onclose = () => done(false);
        })""",
        f"ws://127.0.0.1:{server.port}/_aws/execute-api/any/prod",
    )
    assert opened is False


def test_a_page_that_is_reached_by_another_name_cannot_read_it(
    page_elsewhere: Page, server: EmbeddedAws
) -> None:
    """A name that leads here only after the page was loaded makes it the page's own server."""
    answer = page_elsewhere.goto(f"http://evil.example:{server.port}/{BUCKET}/picture.svg")
    assert answer
    assert answer.status == 403
    assert "<svg" not in page_elsewhere.content()


@pytest.mark.parametrize(
    "header",
    [
        *("Origin: https://evil.example", "Origin: null", "origin:"),
        *("Referer: https://evil.example/", "Sec-Fetch-Site: cross-site", "sec-fetch-site: none"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_what_a_browser_sends_is_refused_unread(
    server: EmbeddedAws, owner: boto3.Session, method: str, header: str
) -> None:
    """Also a preflight, and whatever its signature."""
    assert owner
    answer = raw(
        server,
        f"{method} / HTTP/1.1\nHost: 127.0.0.1:{server.port}\n{header}\n"
        f"Authorization: {FORGED % 's3'}\nConnection: close\n\n",
    )
    assert answer.startswith("HTTP/1.1 403")
    assert "access-control" not in answer.lower()


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:PORT", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:PORT.evil"),
        *("127.1:PORT", "0.0.0.0:PORT", "[::]:PORT", "user@127.0.0.1:PORT", "", "127.0.0.1:PORT,a"),
    ],
)
def test_another_host_is_refused(server: EmbeddedAws, owner: boto3.Session, host: str) -> None:
    """A page whose name leads to this machine calls it by that name."""
    assert owner
    named = host.replace("PORT", str(server.port))
    answer = raw(server, f"GET / HTTP/1.1\nHost: {named}\nConnection: close\n\n")
    assert re.match(r"HTTP/1.1 40[03] ", answer), answer


def test_what_it_answers_its_user_is_for_no_page(signer: Signer) -> None:
    """A header that lets any page read along is not sent."""
    answer = signer.send(signer.signed())
    assert answer.status_code == 200
    assert EMBEDDED_ACCOUNT in answer.text
    assert [name for name in answer.headers if name.startswith("access-control")] == []
