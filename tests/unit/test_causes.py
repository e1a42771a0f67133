"""What AWS and the network answer is told in plain words, with the step that helps."""

import ssl

import boto3
import botocore.exceptions as botocore
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from workshop import causes
from workshop.account import EMBEDDED_REGION, Account
from workshop.accounts_file import Member
from workshop.errors import WorkshopError
from workshop.fleet import Fleet
from workshop.visit import INTERRUPTED, Outcome, Say

URL = "https://sts.example"
ONE = "001122223333"


def refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetCallerIdentity")


# Each error, the account's state, and a word of the step that helps.
ERRORS: list[tuple[Exception, str, str]] = [
    (refused("ExpiredToken"), causes.SIGNED_OUT, "Sign in again"),
    (refused("ExpiredTokenException"), causes.SIGNED_OUT, "Sign in again"),
    (botocore.UnauthorizedSSOTokenError(), causes.SIGNED_OUT, "Sign in again: aws sso login"),
    (
        botocore.TokenRetrievalError(provider="sso", error_msg="expired"),
        causes.SIGNED_OUT,
        "Sign in again",
    ),
    (botocore.LoginRefreshRequired(), causes.SIGNED_OUT, "Sign in again"),
    (botocore.SSOTokenLoadError(error_msg="none"), causes.SIGNED_OUT, "Sign in:"),
    (botocore.NoCredentialsError(), causes.SIGNED_OUT, "Sign in: "),
    (refused("RequestTimeTooSkewed"), causes.WRONG_CLOCK, "clock"),
    (
        refused("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"),
        causes.WRONG_CLOCK,
        "clock",
    ),
    (
        refused("InvalidSignatureException", "Signature not yet current: 1 is still later than 2"),
        causes.WRONG_CLOCK,
        "clock",
    ),
    (refused("OptInRequired"), causes.NO_ACCESS, "Enable the region"),
    (refused("InvalidClientTokenId"), causes.NO_ACCESS, "region enabled"),
    (refused("UnrecognizedClientException"), causes.NO_ACCESS, "region enabled"),
    (refused("AccessDenied", "sts:GetCallerIdentity"), causes.NO_ACCESS, "Allow"),
    (refused("ThrottlingException"), causes.THROTTLED, "later"),
    (botocore.ProxyConnectionError(proxy_url="http://proxy"), causes.UNREACHABLE, "HTTPS_PROXY"),
    (
        botocore.SSLError(endpoint_url=URL, error=ssl.SSLError("self-signed")),
        causes.UNREACHABLE,
        "AWS_CA_BUNDLE",
    ),
    (botocore.ConnectTimeoutError(endpoint_url=URL), causes.UNREACHABLE, "firewall"),
    (botocore.ReadTimeoutError(endpoint_url=URL), causes.UNREACHABLE, "firewall"),
    (botocore.EndpointConnectionError(endpoint_url=URL), causes.UNREACHABLE, "AWS_REGION"),
    (botocore.ConnectionClosedError(endpoint_url=URL), causes.UNREACHABLE, "network"),
    (ResponseParserError("not well-formed"), causes.UNREACHABLE, "other program"),
]
IDS = [str(error)[:60] for error, *_ in ERRORS]


class Failing:
    """A session whose every call fails."""

    region_name = "eu-west-1"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def client(self, *_: object, **__: object) -> "Failing":
        return self

    def get_caller_identity(self) -> None:
        raise self.error


@pytest.mark.parametrize(("error", "_state", "step"), ERRORS, ids=IDS)
def test_a_command_names_the_cause_and_the_step_that_helps(
    error: Exception, _state: str, step: str
) -> None:
    """'Check the account and its permissions' helps nobody whose clock is wrong."""
    account = Account(Failing(error), None)  # type: ignore[arg-type]
    with pytest.raises(WorkshopError) as caught:
        _ = account.id
    assert step in caught.value.next_step
    assert str(error) in caught.value.message


def outcomes_of(error: Exception, *, at_the_door: bool) -> tuple[Fleet, list[Outcome]]:
    """What comes of three accounts, one after the other; the error is in the first one."""
    organizer = Account(boto3.Session(ONE, "secret", region_name=EMBEDDED_REGION), None)
    organizer.__dict__["id"] = ONE  # asked of nobody
    if at_the_door:

        class Credentials:
            def get_frozen_credentials(self) -> None:
                raise error

        organizer.session.get_credentials = Credentials  # type: ignore[method-assign,assignment]

    def work(account: Account, _say: Say) -> str:
        _say("works")
        if account.region == EMBEDDED_REGION:
            raise error
        return "done"

    members = [Member(ONE, EMBEDDED_REGION), Member(ONE, "eu-west-1"), Member(ONE, "eu-central-1")]
    fleet = Fleet(organizer, members, "role", concurrency=1, seconds=60)
    return fleet, fleet.run(work, "ready", lambda _visits, _outcomes: None)


@pytest.mark.parametrize(("error", "state", "step"), ERRORS, ids=IDS)
def test_in_many_accounts_what_is_common_to_all_is_said_once(
    error: Exception, state: str, step: str
) -> None:
    """A hundred accounts would be asked with the same expired sign-in, and a hundred complain."""
    fleet, outcomes = outcomes_of(error, at_the_door=False)
    assert outcomes[0].state == state
    assert step in outcomes[0].next_step
    common = state == causes.WRONG_CLOCK or any(w in step for w in ("PROXY", "CA_BUNDLE"))
    rest = INTERRUPTED if common else "ready"
    assert [one.state for one in outcomes[1:]] == [rest, rest]
    assert bool(fleet.stop.cause) == common


@pytest.mark.parametrize(
    ("error", "state", "step"), [one for one in ERRORS if one[1] == causes.SIGNED_OUT]
)
def test_a_sign_in_that_expires_meanwhile_is_said_once(
    error: Exception, state: str, step: str
) -> None:
    """Not as the fault of each account's trust policy."""
    fleet, outcomes = outcomes_of(error, at_the_door=True)
    assert [one.state for one in outcomes] == [state, INTERRUPTED, INTERRUPTED]
    assert fleet.stop.cause
    assert step in fleet.stop.cause.next_step


def test_another_stack_of_the_same_name_is_broken() -> None:
    """An organizer would look for its missing output in the network or the permissions."""
    _, (outcome, *_) = outcomes_of(KeyError("BucketName"), at_the_door=False)
    assert outcome.state == "broken"
    assert outcome.next_step
