"""Where a command works: an AWS account, or the embedded AWS on this machine."""

import functools
import os
import re
import socket
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's
    HTTPClientError,
    NoCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from workshop import causes
from workshop.errors import WorkshopError

# What an AWS API says of a key that it does not know.
_REFUSED = {"InvalidClientTokenId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DEFAULT_PORT, LAST_PORT = 4566, 65_535
# Where the embedded AWS of this checkout runs.
EMBEDDED_FOLDER = Path(__file__).parent.parent / "build" / "local"
# The account and region of the embedded AWS. To it, a 12-digit access key is the account's owner's.
EMBEDDED_ACCOUNT = "111122223333"
EMBEDDED_REGION = "us-east-1"


@dataclass(frozen=True)
class Account:
    """One account in one region; `endpoint` is the embedded AWS's URL, or None on AWS itself."""

    session: boto3.Session
    endpoint: str | None

    @property
    def embedded(self) -> bool:
        """Whether this is the embedded AWS."""
        return self.endpoint is not None

    @property
    def region(self) -> str:
        """The region's name, e.g. `eu-west-1`."""
        return str(self.session.region_name)

    @property
    def port(self) -> int | None:
        """The port of the embedded AWS; None on AWS."""
        return loopback_port(self.endpoint) if self.endpoint else None

    @cached_property
    def id(self) -> str:
        """The 12-digit account id.

        Raises:
            WorkshopError: there are no credentials, they are refused, or nothing answers.
        """
        try:
            # One quick answer or none: this call is how a command finds out where it is.
            config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
            return self.session.client("sts", config=config).get_caller_identity()["Account"]
        except (BotoCoreError, ClientError, ResponseParserError, KeyError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> WorkshopError:
        """Say why nobody answered who this is."""
        if self.port:
            no_connection = isinstance(error, HTTPClientError | ConnectionError)
            return self._not_embedded(self.port, error, no_connection=no_connection)
        cause = causes.of(error)
        if cause:
            return cause.error(error)
        return WorkshopError(
            f"AWS did not accept this session: {error}",
            "Check the profile and the region: workshop doctor; or use the embedded AWS: --local",
        )

    def _not_embedded(self, port: int, error: Exception, *, no_connection: bool) -> WorkshopError:
        has_no_key = isinstance(error, NoCredentialsError)
        if no_connection or (has_no_key and not is_open(port)):
            return WorkshopError(
                f"The embedded AWS does not answer at {self.endpoint}.",
                "Start it and deploy to it: make up",
            )
        if has_no_key or (isinstance(error, ClientError) and error_code(error) in _REFUSED):
            return WorkshopError(
                f"What answers at {self.endpoint} does not accept this folder's key.",
                'If it is the embedded AWS of another folder, use its key: eval "$(workshop env)" '
                f"there; otherwise choose another port: --local {port + 1}",
            )
        return WorkshopError(
            f"What answers at {self.endpoint} is not the embedded AWS.",
            f"Choose another port: --local {port + 1}",
            str(error),
        )

    def check_reachable(self) -> None:
        """Find out now whether anything answers.

        Raises:
            WorkshopError: see `id`.
        """
        _ = self.id

    def __str__(self) -> str:
        if self.embedded:
            return f"the embedded AWS at {self.endpoint}"
        return f"AWS account {self.id} in {self.region}"


def shared(account: Account) -> Account:
    """Let threads share an account's session: clients are safe for that, making them is not."""
    session = account.session
    if not hasattr(session.client, "__wrapped__"):
        make, lock = functools.cache(session.client), threading.Lock()

        @functools.wraps(session.client)
        def client(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - boto3's own
            with lock:
                return (make.__wrapped__ if options else make)(*arguments, **options)

        session.client = client  # type: ignore[method-assign]
    return account


def is_open(port: int) -> bool:
    """Whether anything listens at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def error_code(error: ClientError) -> str:
    """AWS's code of an error, e.g. `AccessDenied`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def credentials_file(folder: Path, port: int) -> Path:
    """Where an embedded AWS that runs in a folder and on a port keeps its owner's key."""
    return folder / f"credentials-{port}"


def loopback_port(url: str) -> int:
    """The port of an embedded AWS.

    Raises:
        WorkshopError: it is anything but `http://127.0.0.1:PORT`, by whichever name of loopback.
    """
    named = re.fullmatch(r"http://(127\.0\.0\.1|localhost|\[::1\]):([1-9][0-9]{0,4})/?", url)
    if not named or int(named[2]) > LAST_PORT:
        raise WorkshopError(
            f"AWS_ENDPOINT_URL={url} is not an endpoint on this machine: http://127.0.0.1:PORT.",
            f"Unset it to work on AWS, or use the embedded AWS: --local {DEFAULT_PORT}",
        )
    return int(named[2])


def _embedded(url: str) -> Account:
    """The embedded AWS, by the key that it has made for this folder, or that the terminal has."""
    # Made of its parts again: no two programs may read different hosts in it.
    endpoint = f"http://127.0.0.1:{loopback_port(url)}"
    file = credentials_file(EMBEDDED_FOLDER, loopback_port(url))
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    given = {name: os.environ.get(name, "") for name in names}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    # An account's number is a key of the embedded AWS only; another key is one of AWS's.
    if given["AWS_ACCESS_KEY_ID"] == EMBEDDED_ACCOUNT and not file.exists():
        os.environ |= given
    os.environ |= {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": EMBEDDED_REGION,
        "AWS_DEFAULT_REGION": EMBEDDED_REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
        "AWS_EC2_METADATA_DISABLED": "true",
        # A proxy of the user's would be sent what is meant for this machine.
        "NO_PROXY": "*",
        "no_proxy": "*",
    }
    return Account(boto3.Session(), endpoint)


def connect(
    profile: str | None = None, region: str | None = None, port: int | None = None
) -> Account:
    """Find out where to work, and make sure that it stays there.

    A port, or `AWS_ENDPOINT_URL`, names the embedded AWS, which must be on loopback; then no
    credential, no profile and no other endpoint of the user's is read by this process or one that
    it starts, but the key that the embedded AWS has made.
    Without them, this is AWS, by the credentials that any AWS tool would use and at no endpoint but
    AWS's own.

    Args:
        profile: a profile of AWS's, instead of what the environment names.
        region: a region of AWS's, instead of what the environment names.
        port: where the embedded AWS runs, instead of what the environment names.

    Raises:
        WorkshopError: the endpoint is not on loopback, or no region is set on AWS, or the key is
            the embedded AWS's, or there is no such profile.
    """
    url = f"http://127.0.0.1:{port}" if port else os.environ.get("AWS_ENDPOINT_URL")
    if url and (profile or region not in {None, EMBEDDED_REGION}):
        raise WorkshopError(
            f"--profile and --region are for AWS, and this is the embedded AWS at {url}.",
            "Leave them out; or, to work on AWS, leave out --local and unset AWS_ENDPOINT_URL",
        )
    if url:
        return _embedded(url)
    if profile:
        os.environ["AWS_PROFILE"] = profile
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)  # they would come before the profile
    if region:
        os.environ |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    return _on_aws()


def _on_aws() -> Account:
    if os.environ.get("AWS_ACCESS_KEY_ID") == EMBEDDED_ACCOUNT:
        raise WorkshopError(
            "This terminal has the key and the region of the embedded AWS, but not its endpoint.",
            "Open another terminal for AWS; for the embedded AWS: workshop --local",
        )
    # An endpoint of a profile, or of one service only, would be neither the one nor the other.
    os.environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    try:
        # AWS_REGION is what the CDK CLI reads; boto3 alone would not.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    except BotoCoreError as error:
        advice = "Correct the AWS settings of this terminal or in ~/.aws"
        if isinstance(error, ProfileNotFound):
            profiles = ", ".join(botocore.session.Session().available_profiles)
            advice = f"Choose one of: {profiles}" if profiles else "Make one: aws configure"
        raise WorkshopError(f"{error}.", advice) from error
    if not session.region_name:
        raise WorkshopError(
            "No AWS region is set, and no embedded AWS either.",
            "For AWS: --region us-east-1, or export AWS_REGION; for the embedded AWS: --local",
        )
    return Account(session, None)
