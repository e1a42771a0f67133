"""Where a command works: an AWS account, or the embedded AWS on this machine."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from workshop import causes
from workshop.errors import WorkshopError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
DEFAULT_PORT, LAST_PORT = 4566, 65_535  # the first is the Makefile's
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
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            if self.embedded:
                raise self._without_answer(error) from error
            cause = causes.of(error)
            if cause:
                raise cause.error(error) from error
            raise WorkshopError(
                f"AWS did not accept this session: {error}",
                "Check the profile: aws configure list; or use the embedded AWS: make up",
            ) from error

    @property
    def deploy_command(self) -> str:
        """The command that deploys the default stack here."""
        if not self.endpoint:
            return "make deploy"
        port = loopback_port(self.endpoint)
        return "make up" if port == DEFAULT_PORT else f"make up PORT={port}"

    def _without_answer(self, error: Exception) -> WorkshopError:
        """Say what an error of the embedded AWS means."""
        code = causes.code_and_message(error)[0] if isinstance(error, ClientError) else ""
        if isinstance(error, ResponseParserError) or code.isdigit():  # an HTTP status, no code
            return WorkshopError(
                f"What answers at {self.endpoint} is another program, not the embedded AWS.",
                f"Stop it, or choose another port: make up PORT={DEFAULT_PORT + 1}",
            )
        return WorkshopError(
            f"The embedded AWS at {self.endpoint} does not accept this folder's key."
            if code
            else f"The embedded AWS does not answer at {self.endpoint}.",
            f"Start it and deploy to it: {self.deploy_command}; or, if it runs in another folder, "
            'use its key: eval "$(python -m workshop env)" there',
        )

    def __str__(self) -> str:
        if self.embedded:
            return f"the embedded AWS at {self.endpoint}"
        return f"AWS account {self.id} in {self.region}"


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
            f"AWS_ENDPOINT_URL={url} is not on this machine.",
            "Unset it to work on AWS, or name the embedded AWS: "
            "export AWS_ENDPOINT_URL=http://127.0.0.1:4566",
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


def connect() -> Account:
    """Find out from the environment where to work, and make sure that it stays there.

    `AWS_ENDPOINT_URL` names the embedded AWS, which must be on loopback; then no credential, no
    profile and no other endpoint of the user's is read by this process or one that it starts, but
    the key that the embedded AWS has made.
    Without it, this is AWS, by the credentials that any AWS tool would use and at no endpoint but
    AWS's own.

    Raises:
        WorkshopError: the endpoint is not on loopback, or no region is set on AWS, or the key is
            the embedded AWS's.
    """
    if os.environ.get("AWS_ENDPOINT_URL"):
        return _embedded(os.environ["AWS_ENDPOINT_URL"])
    if os.environ.get("AWS_ACCESS_KEY_ID") == EMBEDDED_ACCOUNT:
        raise WorkshopError(
            "This terminal has the key and the region of the embedded AWS, but not its endpoint.",
            'Open another terminal for AWS; for the embedded AWS: eval "$(python -m workshop env)"',
        )
    # An endpoint of a profile, or of one service only, would be neither the one nor the other.
    os.environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    try:
        # AWS_REGION is what the CDK CLI reads; boto3 alone would not.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    except BotoCoreError as error:
        raise WorkshopError(
            str(error), "Choose a profile that exists: aws configure list"
        ) from error
    if not session.region_name:
        raise WorkshopError(
            "No AWS region is set, and no embedded AWS either.",
            "export AWS_REGION=us-east-1 for AWS; for the embedded AWS: "
            'eval "$(python -m workshop env)"',
        )
    return Account(session, None)
