"""What an error of AWS's or of the network means: one cause, and the step that helps.

Sources: AWS General Reference, "Common Errors"; AWS STS API Reference; botocore's exceptions.
"""

from dataclasses import dataclass

from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

from workshop.errors import WorkshopError

NO_ACCESS, THROTTLED, UNREACHABLE = "no access", "throttled", "unreachable"
SIGNED_OUT, WRONG_CLOCK, BROKEN = "signed out", "wrong clock", "broken"


@dataclass(frozen=True)
class Cause:
    """Why AWS did not answer as it should.

    Attributes:
        state: in a word or two.
        meaning: what is the matter.
        next_step: what to do about it.
        common: whether it is this machine's or its user's, so the same for every account.
    """

    state: str
    meaning: str
    next_step: str
    common: bool = False

    def error(self, original: Exception) -> WorkshopError:
        """The error that the command line shows; it quotes AWS's own words."""
        return WorkshopError(f"{self.meaning}: {original}", self.next_step)


_SIGN_IN = "aws sso login, or aws login, or export AWS_PROFILE=... or new keys"
EXPIRED = Cause(SIGNED_OUT, "The sign-in has expired", f"Sign in again: {_SIGN_IN}", common=True)
MISSING = Cause(SIGNED_OUT, "You are not signed in to AWS", f"Sign in: {_SIGN_IN}", common=True)
_SKEWED = Cause(
    WRONG_CLOCK,
    "This machine's clock differs from AWS's by more than five minutes",
    "Set the clock: let the system synchronize it, then run this again",
    common=True,
)
_UNKNOWN_KEY = Cause(
    NO_ACCESS,
    "AWS does not know this key in this region",
    "Check the key, and that the account has the region enabled: aws account list-regions",
)
_NOT_ENABLED = Cause(
    NO_ACCESS,
    "The account has not enabled this region or this service",
    "Enable the region (aws account enable-region), or choose another one: export AWS_REGION=...",
)
DENIED = Cause(
    NO_ACCESS,
    "AWS denied access",
    "Allow what the message names; an organization's policies can deny it, too",
)
THROTTLING = Cause(
    THROTTLED,
    "AWS refused too many requests",
    "Run this again later, or with fewer requests at a time",
)
_PROXY = Cause(
    UNREACHABLE,
    "The proxy does not answer",
    "Correct HTTPS_PROXY, or name AWS's hosts in NO_PROXY",
    common=True,
)
_TLS = Cause(
    UNREACHABLE,
    "The certificate of AWS's endpoint was not accepted",
    "Where a proxy inspects TLS, trust its certificate: export AWS_CA_BUNDLE=FILE",
    common=True,
)
_SLOW = Cause(
    UNREACHABLE,
    "AWS did not answer in time",
    "Check the network, a VPN or a firewall, then run this again",
)
_NO_CONNECTION = Cause(
    UNREACHABLE,
    "AWS could not be reached",
    "Check the network and the region's name (AWS_REGION), then run this again",
)
_NOT_AWS = Cause(
    UNREACHABLE,
    "What answers there is not AWS",
    "Stop the other program, or choose another port: make up PORT=...; on AWS check the proxy",
)
# By the service's error code; AWS has several names for most of them.
BY_CODE: dict[str, Cause] = {
    code: cause
    for cause, codes in {
        EXPIRED: "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired",
        MISSING: "MissingAuthenticationToken MissingAuthenticationTokenException",
        _SKEWED: "RequestTimeTooSkewed RequestInTheFuture",
        _UNKNOWN_KEY: "AuthFailure InvalidAccessKeyId InvalidClientTokenId "
        "UnrecognizedClientException",
        _NOT_ENABLED: "OptInRequired RegionDisabledException SubscriptionRequiredException",
        DENIED: "403 AccessDenied AccessDeniedException UnauthorizedOperation",
        THROTTLING: "RequestLimitExceeded RequestThrottledException SlowDown ThrottledException "
        "Throttling ThrottlingException TooManyRequestsException",
    }.items()
    for code in codes.split()
}
# By the class of an error that did not come from a service; the first that fits counts.
_CLASSES: dict[Cause, tuple[type[Exception], ...]] = {
    EXPIRED: (
        botocore.UnauthorizedSSOTokenError,
        botocore.LoginRefreshRequired,
        botocore.RefreshWithMFAUnsupportedError,
        botocore.TokenRetrievalError,
    ),
    MISSING: (
        botocore.NoCredentialsError,
        botocore.PartialCredentialsError,
        botocore.CredentialRetrievalError,
        botocore.SSOError,
        botocore.LoginError,
        botocore.NoAuthTokenError,
    ),
    _PROXY: (botocore.ProxyConnectionError, botocore.InvalidProxiesConfigError),
    _TLS: (botocore.SSLError,),
    _SLOW: (botocore.ConnectTimeoutError, botocore.ReadTimeoutError),
    _NO_CONNECTION: (botocore.ConnectionError, botocore.HTTPClientError),
    _NOT_AWS: (ResponseParserError,),
}
# Of a signature that was made too early or too late AWS says so in its text only.
_TIME_IN_MESSAGE = ("signature expired", "signature not yet current", "request has expired")


def of(error: Exception) -> Cause | None:
    """The cause of an error; None where it is none of those that are known."""
    if not isinstance(error, botocore.ClientError):
        return next((cause for cause, kinds in _CLASSES.items() if isinstance(error, kinds)), None)
    if any(text in code_and_message(error)[1].lower() for text in _TIME_IN_MESSAGE):
        return _SKEWED
    return BY_CODE.get(code_and_message(error)[0])


def explained(error: Exception) -> WorkshopError:
    """An error of AWS's or of the network as the command line shows it."""
    cause = of(error)
    return (
        cause.error(error)
        if cause
        else WorkshopError(str(error), "Check the account and its permissions: workshop status")
    )


def code_and_message(error: botocore.ClientError) -> tuple[str, str]:
    """What a service said: its code and its message."""
    return error.response["Error"]["Code"], error.response["Error"].get("Message", "")
