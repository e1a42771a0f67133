"""One account of many: how it is entered, how long it may take, and what came of it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from workshop import causes
from workshop.account import Account
from workshop.accounts_file import Member
from workshop.environment import InProgressError, MissingError
from workshop.errors import WorkshopError

READY, GONE, INTERRUPTED = "ready", "gone", "interrupted"
COUNTED = "counted"
_REQUEST_SECONDS = 20
_ATTEMPTS = 6

Say = Callable[[str], None]
# What is done in an account: it returns what it found, and says meanwhile what it does.
Work = Callable[[Account, Say], str]


@dataclass(frozen=True)
class Outcome:
    """What came of one account.

    Attributes:
        account, region, name: which one.
        state: `ready`, or `gone` after a deletion; or what is wrong: `missing`, `in progress`,
            `broken`, `no access`, `throttled`, `unreachable`, `signed out`, `wrong clock`, `slow`,
            `interrupted`.
        found: what there is, or the cause.
        next_step: what to do about it; empty where all is well.
        seconds: how long it took.
        requests: how many HTTP requests, retries included.
        throttled: how many of them AWS refused as too many.
    """

    account: str
    region: str
    name: str
    state: str
    found: str
    next_step: str
    seconds: float
    requests: int
    throttled: int

    @property
    def well(self) -> bool:
        """Whether the account needs no action."""
        return self.state in (READY, GONE, COUNTED)


@dataclass
class Stop:
    """Why no more is done in any account: the organizer's own wish, or a cause common to all."""

    event: threading.Event = field(default_factory=threading.Event)
    cause: WorkshopError | None = None


class VisitError(WorkshopError):
    """The work in an account ends, or does not begin.

    Attributes:
        state: of the account.
        common: whether what is wrong is the organizer's machine or sign-in, so the same in every
            account.
    """

    def __init__(self, state: str, message: str, advice: str, *, common: bool = False) -> None:
        super().__init__(message, advice)
        self.state, self.common = state, common


_STATES = {InProgressError: "in progress", MissingError: "missing"}


@dataclass
class Visit:
    """One account while it is worked on; it ends at the next request once its time is up.

    Attributes:
        member: which account.
        seconds: how long the work may take.
        stop: set when the command is to end.
        doing: what is being done now; empty before it begins.
        began: when it began, by the monotonic clock.
        requests, throttled: as in `Outcome`.
    """

    member: Member
    seconds: float
    stop: Stop
    doing: str = ""
    began: float = 0.0
    requests: int = 0
    throttled: int = 0

    def outcome(self, work: Work, organizer: Account, role: str, well: str) -> Outcome:
        """Work in the account; whatever goes wrong there is its outcome."""
        self.began = time.monotonic()
        try:
            self.say("assumes the role")
            state, found, advice = well, work(self._enter(organizer, role), self.say), ""
        except Exception as error:  # noqa: BLE001 - no account may hold up the others
            state, found, advice = self._complaint(error)
        return Outcome(
            account=self.member.id,
            region=self.member.region,
            name=self.member.name,
            state=state,
            found=found,
            next_step=advice,
            seconds=round(time.monotonic() - self.began, 1),
            requests=self.requests,
            throttled=self.throttled,
        )

    def say(self, doing: str) -> None:
        """Show what is being done; this also ends the work once its time is up."""
        self._in_time()
        self.doing = doing

    def _enter(self, organizer: Account, role: str) -> Account:
        """Assume the role, unless this is the organizer's own account.

        Raises:
            VisitError: the role cannot be assumed.
        """
        own: Any = organizer.session.get_credentials()  # never None: it knows its id
        partition = organizer.session.get_partition_for_region(self.member.region)
        arn = f"arn:{partition}:iam::{self.member.id}:role/{role}"
        try:
            key = own.get_frozen_credentials()
            outside = self._session(key.access_key, key.secret_key, key.token)
            if self.member.id == organizer.id:
                return Account(outside, organizer.endpoint)
            answer = outside.client("sts").assume_role(RoleArn=arn, RoleSessionName="workshop")
        except (BotoCoreError, ClientError) as error:
            cause = causes.of(error)
            if cause in (causes.EXPIRED, causes.MISSING):  # the organizer's own
                raise _common(cause, error) from error
            if cause is not causes.DENIED:
                raise
            raise VisitError(
                causes.NO_ACCESS,
                f"{arn} cannot be assumed: {error}",
                "Let the role's trust policy name your account, and your permissions the role; or "
                "name another one: --role-name",
            ) from error
        given = answer["Credentials"]
        inside = self._session(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        )
        return Account(inside, organizer.endpoint)

    def _session(self, access_key: str, secret_key: str, token: str | None) -> boto3.Session:
        core = botocore.session.Session()
        core.register_component("data_loader", _models())
        core.set_credentials(access_key, secret_key, token)
        core.set_default_client_config(
            Config(
                connect_timeout=min(_REQUEST_SECONDS, self.seconds),
                read_timeout=min(_REQUEST_SECONDS, self.seconds),
                retries={"mode": "adaptive", "total_max_attempts": _ATTEMPTS},
            )
        )
        core.register("before-send", self._sending)
        core.register("response-received", self._received)
        session = boto3.Session(botocore_session=core, region_name=self.member.region)
        # One client a service: it keeps its connection, and what it has learnt of throttling.
        session.client = cache(session.client)  # type: ignore[method-assign]
        return session

    def _sending(self, **_: object) -> None:
        self._in_time()
        self.requests += 1

    def _received(self, parsed_response: dict[str, Any] | None = None, **_: object) -> None:
        code = (parsed_response or {}).get("Error", {}).get("Code")
        self.throttled += causes.BY_CODE.get(str(code)) is causes.THROTTLING

    def _complaint(self, error: Exception) -> tuple[str, str, str]:
        """The state, the cause and the next step of an account in which something went wrong."""
        cause = causes.of(error)
        # Inside an account it is the role's session that has expired, not the organizer's.
        if cause and cause.common and cause not in (causes.EXPIRED, causes.MISSING):
            error = _common(cause, error)
        if isinstance(error, VisitError) and error.common:
            if self.stop.cause is None:
                self.stop.cause = error
                self.stop.event.set()
                return error.state, error.message, error.next_step
            error = self._stopped()
        if isinstance(error, VisitError):
            return error.state, error.message, error.next_step
        if isinstance(error, WorkshopError):
            return _STATES.get(type(error), causes.BROKEN), error.message, error.next_step
        if cause:
            return cause.state, f"{cause.meaning}: {error}", cause.next_step
        return causes.BROKEN, f"{type(error).__name__}: {error}", "Run this again"

    def _stopped(self) -> VisitError:
        what = f"Stopped while it {self.doing}" if self.doing else "Not begun"
        return VisitError(INTERRUPTED, what, "Run this again: it resumes where it stopped")

    def _in_time(self) -> None:
        if self.stop.event.is_set():
            raise self._stopped()
        if time.monotonic() - self.began > self.seconds:
            raise VisitError(
                "slow",
                f"Not done after {self.seconds:g} s: it {self.doing}",
                "Run this again: it resumes where it stopped; or give it time: --timeout",
            )


def _common(cause: causes.Cause, error: Exception) -> VisitError:
    return VisitError(cause.state, f"{cause.meaning}: {error}", cause.next_step, common=True)


@cache
def _models() -> Any:  # noqa: ANN401 - botocore's loader
    """The services' models: most of a session, and shared by all of them."""
    return botocore.session.Session().get_component("data_loader")
