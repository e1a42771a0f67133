"""No request that is unsigned, forged, changed or old gets into the embedded AWS."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import boto3
import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded_aws.server import EmbeddedAws
from tests.support.policies import trust
from tests.support.signing import BUCKET, CLIENT, FORGED, FUNCTIONS, SIGV4, Chunked, Signer
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION


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
    root = trust(AWS=f"arn:aws:iam::{EMBEDDED_ACCOUNT}:root")
    owner.client("iam").create_role(RoleName="R", AssumeRolePolicyDocument=root)
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
    auth = Chunked(signer.credentials, "s3", EMBEDDED_REGION)
    auth.add_auth(request)
    body = auth.chunks(request, [b"hello", b""])
    request.data = body.replace(b"hello", b"HELLO")
    assert signer.send(request).status_code == 403
    request.data = body
    assert signer.send(request).status_code == 200
    read = signer.send(signer.signed("s3", "GET", f"/{BUCKET}/{key}", ""))
    assert read.text == "hello"


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
