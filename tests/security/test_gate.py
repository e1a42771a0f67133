"""Only its user gets into the embedded AWS: no page, no other user, no old or forged request."""

import hashlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import botocore.auth
import httpx
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page
from pytest_httpserver import HTTPServer

from embedded_aws.server import EmbeddedAws
from tests.support.browser import opened_at
from tests.support.checkout import free_port, signed_in
from tests.support.terminal import CANARY
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION

SITE = "<!doctype html><title>evil</title><body></body>"
CLIENT = httpx.Client(trust_env=False)
# By default boto3 signs URLs of us-east-1 in the way before this one.
SIGV4 = Config(signature_version="s3v4")
FUNCTIONS = "/2015-03-31/functions"
BUCKET = "personalize-data-gate"
FORGED = (
    f"AWS4-HMAC-SHA256 Credential={EMBEDDED_ACCOUNT}/20261127/us-east-1/%s/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0"
)


@pytest.fixture(scope="module")
def owner(server: EmbeddedAws) -> Iterator[boto3.Session]:
    """The owner of an account with a bucket, an object and a role for Lambda functions."""
    with signed_in(server) as session:
        session.client("s3").create_bucket(Bucket=BUCKET)
        session.client("s3").put_object(Bucket=BUCKET, Key="picture.svg", Body=b"<svg/>")
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
        session.client("iam").create_role(
            RoleName="Lambda",
            AssumeRolePolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
            ),
        )
        yield session


@dataclass(frozen=True)
class Signer:
    """Signs requests as an SDK does, and sends them as somebody else might."""

    endpoint: str
    credentials: Credentials

    def signed(
        self,
        service: str = "sts",
        method: str = "POST",
        path: str = "/",
        body: str = "Action=GetCallerIdentity&Version=2011-06-15",
        headers: Mapping[str, str] | None = None,
    ) -> AWSRequest:
        """A signed request; the body is a query's, and that of GetCallerIdentity by default."""
        form = {} if headers else {"Content-Type": "application/x-www-form-urlencoded"}
        request = AWSRequest(
            method, self.endpoint + path, data=body.encode(), headers={**form, **(headers or {})}
        )
        kind = S3SigV4Auth if service == "s3" else SigV4Auth
        kind(self.credentials, service, EMBEDDED_REGION).add_auth(request)
        return request

    @staticmethod
    def send(request: AWSRequest) -> httpx.Response:
        """Send it as it is now."""
        headers = [(name, value) for name, value in request.headers.items()]
        return CLIENT.request(
            str(request.method), str(request.url), content=request.data, headers=headers
        )


@pytest.fixture
def signer(server: EmbeddedAws, owner: boto3.Session) -> Signer:
    key = owner.get_credentials()
    assert key
    return Signer(server.endpoint, Credentials(key.access_key, key.secret_key))


def raw(server: EmbeddedAws, text: str) -> str:
    """Send text to the port, and return what it answers."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.decode("utf-8", "replace")


def functions(owner: boto3.Session) -> list[str]:
    return [one["FunctionName"] for one in owner.client("lambda").list_functions()["Functions"]]


# ---- A page in the user's browser ----


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


CREATE = json.dumps(
    {
        "FunctionName": "evil",
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": f"arn:aws:iam::{EMBEDDED_ACCOUNT}:role/Lambda",
        "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
    }
)
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
    ("header", "signed", "status"),
    [
        ("Referer", "https://audit.example.org/hadoop", 200),
        ("Referer", "https://evil.example/", 403),  # another than the one that was signed
        ("Origin", "https://audit.example.org/hadoop", 403),
    ],
)
def test_only_a_referer_may_be_signed(
    signer: Signer, header: str, signed: str, status: int
) -> None:
    """S3A names what it does in one, so Glue's connector would not get in; a page cannot sign."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    request = signer.signed(headers={header: signed, **form})
    assert f"{header.lower()};" in request.headers["Authorization"]
    request.headers.replace_header(header, "https://audit.example.org/hadoop")
    assert signer.send(request).status_code == status


def test_a_referer_that_is_said_to_be_signed_is_not_believed(signer: Signer) -> None:
    """A name in the list of signed headers costs a caller nothing."""
    request = signer.signed()
    named = request.headers["Authorization"].replace("SignedHeaders=", "SignedHeaders=referer;")
    request.headers.replace_header("Authorization", named)
    request.headers["Referer"] = "https://evil.example/"
    assert signer.send(request).status_code == 403


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


# ---- Requests that are forged, changed, or old ----


def test_without_a_signature_there_is_no_answer(server: EmbeddedAws, owner: boto3.Session) -> None:
    """MiniStack takes who signs nothing for the account's owner, in S3."""
    assert owner
    s3 = CLIENT.get(f"{server.endpoint}/{BUCKET}/picture.svg")
    assert s3.status_code == 403
    functions = CLIENT.get(f"{server.endpoint}{FUNCTIONS}")
    assert functions.status_code == 403
    assert "MissingAuthenticationToken" in functions.text


@pytest.mark.parametrize(
    "authorization",
    ["AWS 111122223333:c2lnbmF0dXJl", "Basic MTExMTIyMjIzMzMzOg==", "Bearer 111122223333", "x"],
)
def test_another_kind_of_signature_is_refused(
    server: EmbeddedAws, owner: boto3.Session, authorization: str
) -> None:
    """An old kind must not be a way around the new one."""
    assert owner
    for path in (f"/{BUCKET}/picture.svg", FUNCTIONS):
        answer = CLIENT.get(server.endpoint + path, headers={"Authorization": authorization})
        assert answer.status_code in (400, 403), answer.text


@pytest.mark.parametrize("secret", ["embedded", "test", "", EMBEDDED_ACCOUNT])
def test_who_does_not_know_the_secret_is_refused(server: EmbeddedAws, secret: str) -> None:
    """An account's number is not a secret."""
    stranger = Signer(server.endpoint, Credentials(EMBEDDED_ACCOUNT, secret))
    answer = stranger.send(stranger.signed())
    assert answer.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text
    assert "The request signature we calculated does not match" in answer.text
    answer = stranger.send(stranger.signed("s3", "GET", f"/{BUCKET}/picture.svg", ""))
    assert answer.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text


def test_a_key_that_nobody_has_is_refused_in_each_services_words(signer: Signer) -> None:
    """A client shows what is wrong only if the code is AWS's."""
    unknown = Signer(signer.endpoint, Credentials("AKIAIOSFODNN7EXAMPLE", "secret"))
    assert "InvalidClientTokenId" in unknown.send(unknown.signed()).text
    listing = unknown.signed("s3", "GET", "/", "")
    assert "InvalidAccessKeyId" in unknown.send(listing).text
    json_call = {"X-Amz-Target": "AWSGlue.GetJobs", "Content-Type": "application/x-amz-json-1.1"}
    answer = unknown.send(unknown.signed("glue", body="{}", headers=json_call))
    assert "UnrecognizedClientException" in answer.text


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_of_another_time_is_refused(
    signer: Signer, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """What was overheard cannot be sent again later."""
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: then)
    answer = signer.send(signer.signed("s3", "GET", f"/{BUCKET}/picture.svg", ""))
    assert answer.status_code == 403
    assert "<Code>RequestTimeTooSkewed</Code>" in answer.text
    answer = signer.send(signer.signed())
    assert answer.status_code == 403
    assert re.search("Signature expired|Signature not yet current", answer.text)


def test_a_presigned_url_is_good_until_it_expires(
    owner: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a key to one object, for as long as its maker said."""
    s3 = owner.client("s3", config=SIGV4)
    named: Any = {"ClientMethod": "get_object", "Params": {"Bucket": BUCKET, "Key": "picture.svg"}}
    url = s3.generate_presigned_url(**named, ExpiresIn=60)
    assert CLIENT.get(url).text == "<svg/>"
    other_key = url.replace("picture.svg", "other.svg")
    assert "SignatureDoesNotMatch" in CLIENT.get(other_key).text
    longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")
    assert CLIENT.get(longer).status_code == 403
    assert CLIENT.put(url, content=b"mine").status_code == 403
    then = datetime.now(UTC) - timedelta(minutes=2)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: then)
    old = CLIENT.get(s3.generate_presigned_url(**named, ExpiresIn=60))
    assert old.status_code == 403
    assert "Request has expired" in old.text


@pytest.mark.parametrize("seconds", ["0", "-1", "604801", "x", ""])
def test_a_presigned_url_has_a_limit(owner: boto3.Session, seconds: str) -> None:
    """A week, as on AWS."""
    url = owner.client("s3", config=SIGV4).generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": "picture.svg"}
    )
    changed = re.sub("X-Amz-Expires=[0-9]+", f"X-Amz-Expires={seconds}", url)
    assert CLIENT.get(changed).status_code in (400, 403)


def test_what_was_signed_cannot_be_changed(signer: Signer) -> None:
    """Body, path, query, method and each header that means something to AWS."""
    other_body = signer.signed()
    other_body.data = b"Action=GetSessionToken&Version=2011-06-15"
    other_path = signer.signed("s3", "GET", f"/{BUCKET}/other.svg", "")
    other_path.url = f"{signer.endpoint}/{BUCKET}/picture.svg"
    other_query = signer.signed("s3", "GET", f"/{BUCKET}/picture.svg", "")
    other_query.url = f"{other_query.url}?versionId=1"
    other_method = signer.signed("s3", "GET", f"/{BUCKET}/picture.svg", "")
    other_method.method = "DELETE"
    written = signer.signed("s3", "PUT", f"/{BUCKET}/picture.svg", "<svg/>")
    written.data = b"<svg onload=alert()>"
    target = {"X-Amz-Target": "AWSGlue.GetJobs", "Content-Type": "application/x-amz-json-1.1"}
    other_target = signer.signed("glue", body="{}", headers=target)
    other_target.headers.replace_header("X-Amz-Target", "AWSGlue.GetDatabases")
    more = signer.signed("s3", "PUT", f"/{BUCKET}/picture.svg", "<svg/>")
    more.headers["x-amz-acl"] = "public-read"
    for changed in (other_body, other_path, other_query, other_method, written, other_target, more):
        answer = signer.send(changed)
        assert answer.status_code in (400, 403), changed.url
        assert re.search("SignatureDoesNotMatch|InvalidSignatureException", answer.text)


def test_one_request_has_one_signature(signer: Signer, owner: boto3.Session) -> None:
    """What is checked must be what the request is served by."""
    url = owner.client("s3", config=SIGV4).generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": "picture.svg"}
    )
    forged = {"Authorization": FORGED % "s3"}
    assert CLIENT.get(url, headers=forged).status_code == 400
    both = signer.signed("s3", "GET", f"/{BUCKET}/picture.svg", "")
    both.url = f"{both.url}?AWSAccessKeyId=222233334444"
    assert signer.send(both).status_code == 400
    twice = signer.signed()
    twice.headers["Authorization"] = FORGED % "sts"
    assert len(twice.headers.get_all("Authorization") or []) == 2
    assert signer.send(twice).status_code == 400


def test_each_account_has_its_key_and_all_have_one_secret(signer: Signer) -> None:
    """A rehearsal with a fleet enters its accounts so."""
    other = Signer(signer.endpoint, Credentials("222233334444", signer.credentials.secret_key))
    assert "222233334444" in other.send(other.signed()).text


def test_a_roles_session_needs_its_own_secret_and_token(
    owner: boto3.Session, signer: Signer
) -> None:
    """The token alone, or another session's, lets nobody in."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{EMBEDDED_ACCOUNT}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    owner.client("iam").create_role(RoleName="R", AssumeRolePolicyDocument=json.dumps(trust))
    arn = f"arn:aws:iam::{EMBEDDED_ACCOUNT}:role/R"

    def session() -> Credentials:
        made = owner.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")[
            "Credentials"
        ]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    one, two = session(), session()
    right = Signer(signer.endpoint, one)
    assert "assumed-role/R" in right.send(right.signed()).text
    for wrong in (
        Credentials(one.access_key, two.secret_key, one.token),
        Credentials(one.access_key, one.secret_key, two.token),
        Credentials(one.access_key, one.secret_key),
        Credentials(one.access_key, signer.credentials.secret_key, one.token),
    ):
        stranger = Signer(signer.endpoint, wrong)
        assert stranger.send(stranger.signed()).status_code == 403


def test_a_body_in_signed_chunks_cannot_be_changed(signer: Signer) -> None:
    """Java's SDK, and so Spark's S3 connector, sends objects so."""
    key = "chunked.txt"
    kind = {"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    length = {"X-Amz-Decoded-Content-Length": "5", "Content-Encoding": "aws-chunked"}
    request = AWSRequest(
        "PUT", f"{signer.endpoint}/{BUCKET}/{key}", data=b"", headers={**kind, **length}
    )
    auth = _Chunked(signer.credentials, "s3", EMBEDDED_REGION)
    auth.add_auth(request)
    body = auth.chunks(request, [b"hello", b""])
    request.data = body.replace(b"hello", b"HELLO")
    assert signer.send(request).status_code == 403
    request.data = body
    assert signer.send(request).status_code == 200
    read = signer.send(signer.signed("s3", "GET", f"/{BUCKET}/{key}", ""))
    assert read.text == "hello"


class _Chunked(SigV4Auth):
    """Signs chunks as S3 documents it, by botocore's own signing key.

    Source: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """

    def payload(self, request: AWSRequest) -> str:
        return str(request.headers["X-Amz-Content-SHA256"])

    def canonical_request(self, request: AWSRequest) -> str:
        text: str = super().canonical_request(request)
        return text

    def chunks(self, request: AWSRequest, parts: list[bytes]) -> bytes:
        previous = request.headers["Authorization"].rpartition("Signature=")[2]
        body = b""
        for part in parts:
            text = "\n".join(
                [
                    "AWS4-HMAC-SHA256-PAYLOAD",
                    request.context["timestamp"],
                    self.credential_scope(request),
                    previous,
                    botocore.auth.EMPTY_SHA256_HASH,
                    hashlib.sha256(part).hexdigest(),
                ]
            )
            previous = self.signature(text, request)
            body += f"{len(part):x};chunk-signature={previous}\r\n".encode() + part + b"\r\n"
        return body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/health"),
        ("GET", "/_localstack/health"),
        ("PUT", "/_ministack/cfn-response/x"),
        ("POST", "/_ministack/rds/iam-auth"),
        ("GET", "/_aws/sqs/messages"),
    ],
)
def test_nobody_reaches_what_the_emulator_has_for_itself(
    signer: Signer, method: str, path: str
) -> None:
    """A participant's role would reset the environment of everybody."""
    unsigned = CLIENT.request(method, signer.endpoint + path)
    assert unsigned.status_code in (400, 403)
    signed = signer.send(signer.signed("s3", method, path, ""))
    assert signed.status_code == 400
    assert signer.send(signer.signed("s3", "GET", f"/{BUCKET}/picture.svg", "")).text == "<svg/>"


PARTS = st.sampled_from(
    ["AWS4-HMAC-SHA256", "Credential=", "/", ",", "Signature=", "SignedHeaders"]
)
TEXTS = st.one_of(st.text(max_size=12), PARTS, st.from_regex(r"[0-9a-f]{1,64}", fullmatch=True))


@given(data=st.data())
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_malformed_signature_is_refused(signer: Signer, data: st.DataObject) -> None:
    """Whatever is written into one, and never with an error of the server's own."""
    request = signer.signed()
    name = data.draw(st.sampled_from(["Authorization", "X-Amz-Date"]))
    value = request.headers[name]
    begin = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(begin, min(len(value), begin + 30)))
    changed = value[:begin] + data.draw(TEXTS) + value[end:]
    changed = quote(changed, safe="".join(map(chr, range(32, 127)))).strip()
    account = re.compile("Credential=[0-9]{12}/")  # all accounts' owners have one secret
    if account.sub("", changed).split() == account.sub("", value).split() or not changed:
        return
    request.headers.replace_header(name, changed)
    answer = signer.send(request)
    assert answer.status_code in (400, 403), (changed, answer.text)


# ---- Other users of the machine ----


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_another_user_of_the_machine_is_refused(server: EmbeddedAws, owner: boto3.Session) -> None:
    """They know the account's number, and can reach every loopback port."""
    assert functions(owner) == []
    script = f"""
import json, sys, urllib.request
try:
    open({str(server.credentials)!r}).read()
    print("READ THE SECRET")
except PermissionError:
    print("no secret")
request = urllib.request.Request("{server.endpoint}{FUNCTIONS}", {CREATE.encode()!r},
    {{"Authorization": {FORGED % "lambda"!r}, "X-Amz-Date": "20261127T000000Z"}})
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
    said = subprocess.run(
        ["/usr/bin/env", "-i", "python3", "-c", script],
        user="nobody",
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.split("\n")[:2] == ["no secret", "403"], said.stderr
    assert functions(owner) == []


def test_the_secret_is_in_one_file_of_the_users(server: EmbeddedAws, owner: boto3.Session) -> None:
    """No log and no command line has it."""
    secret = server.client_environment()["AWS_SECRET_ACCESS_KEY"]
    assert owner
    assert server.credentials.stat().st_mode & 0o077 == 0
    assert server.folder.stat().st_mode & 0o077 == 0
    holding = [
        path
        for path in server.folder.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert holding == [server.credentials]
    state = server.running()
    process = state.process() if state else None
    assert process
    assert secret not in " ".join(process.cmdline())


def test_the_secret_is_another_after_each_start(tmp_path: Path) -> None:
    """A key that was seen once is good until the next start at the most."""
    server = EmbeddedAws(tmp_path / "aws", free_port())
    secrets = set()
    for _ in range(2):
        server.start()
        try:
            secrets.add(server.client_environment()["AWS_SECRET_ACCESS_KEY"])
        finally:
            server.stop()
        assert not server.credentials.exists()
    assert len(secrets) == 2
    assert min(map(len, secrets)) >= 40


def test_a_function_has_a_key_that_cannot_be_computed_and_nothing_of_the_terminal(
    owner: boto3.Session, signer: Signer, tmp_path: Path
) -> None:
    """MiniStack computes it from names that everybody knows, and hands on all variables."""
    import zipfile  # noqa: PLC0415

    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", "import os\ndef handler(*_):\n    return dict(os.environ)\n")
    client = owner.client("lambda")
    arn = client.create_function(
        FunctionName="look",
        Runtime="python3.12",
        Handler="index.handler",
        Role=f"arn:aws:iam::{EMBEDDED_ACCOUNT}:role/Lambda",
        Code={"ZipFile": archive.read_bytes()},
    )["FunctionArn"]
    try:
        environment = json.loads(client.invoke(FunctionName="look")["Payload"].read())
    finally:
        client.delete_function(FunctionName="look")
    digest = hashlib.sha256(
        f"{arn}:arn:aws:iam::{EMBEDDED_ACCOUNT}:role/Lambda".encode()
    ).hexdigest()
    guessed = hashlib.sha256(f"secret:{digest}".encode()).hexdigest()
    assert environment["AWS_SECRET_ACCESS_KEY"] != guessed
    assert signer.credentials.secret_key not in environment.values()
    assert CANARY not in environment.values()
    token = hashlib.sha256(f"token:{digest}".encode()).hexdigest()
    stranger = Signer(signer.endpoint, Credentials(f"ASIA{digest[:16].upper()}", guessed, token))
    assert stranger.send(stranger.signed()).status_code == 403
