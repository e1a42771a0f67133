"""Requests to the embedded AWS, signed as an SDK signs them, sent as somebody else might."""

import hashlib
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import boto3
import botocore.auth
import httpx
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from embedded_aws.server import EmbeddedAws
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION

CLIENT = httpx.Client(trust_env=False)
# By default boto3 signs URLs of us-east-1 in the way before this one.
SIGV4 = Config(signature_version="s3v4")
FUNCTIONS = "/2015-03-31/functions"
BUCKET = "personalize-data-gate"
FORGED = (
    f"AWS4-HMAC-SHA256 Credential={EMBEDDED_ACCOUNT}/20261127/us-east-1/%s/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0"
)


CREATE = json.dumps(
    {
        "FunctionName": "evil",
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": f"arn:aws:iam::{EMBEDDED_ACCOUNT}:role/Lambda",
        "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
    }
)


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


class Chunked(SigV4Auth):
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
