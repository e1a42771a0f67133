"""The same work in many accounts at once: who is ready, who is not, and why.

Each account gets sessions of its own, by a role that the organizer's credentials assume, and its
own time. What goes wrong in one is that account's outcome, and holds up none of the others.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from workshop import cloudformation, inventory, job, readiness, verification
from workshop.account import Account
from workshop.accounts_file import Member
from workshop.environment import InProgressError, MissingError, find
from workshop.errors import WorkshopError

READY, GONE, INTERRUPTED = "ready", "gone", "interrupted"
_THROTTLING = {
    "RequestLimitExceeded",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_DENIED = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}
_REQUEST_SECONDS = 20
_ATTEMPTS = 6
_TICK_SECONDS = 0.25

Say = Callable[[str], None]
# What is done in an account: it returns what it found, and says meanwhile what it does.
Work = Callable[[Account, Say], str]


@dataclass(frozen=True)
class Outcome:
    """What came of one account.

    Attributes:
        account, region, name: which one.
        state: `ready`, or `gone` after a deletion; or what is wrong: `missing`, `in progress`,
            `broken`, `no access`, `throttled`, `unreachable`, `slow`, `interrupted`.
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
        """Whether nothing is to be done about it."""
        return self.state in (READY, GONE)


class NoAccessError(WorkshopError):
    """The organizer may not enter an account."""


class SlowError(WorkshopError):
    """An account's time is up."""


class InterruptedVisitError(WorkshopError):
    """The organizer has stopped the command."""


_STATES = {
    InProgressError: "in progress",
    InterruptedVisitError: INTERRUPTED,
    MissingError: "missing",
    NoAccessError: "no access",
    SlowError: "slow",
}


@dataclass
class Visit:
    """One account while it is worked on; it ends at the next request once its time is up.

    Attributes:
        member: which account.
        seconds: how long the work may take.
        stopped: set when the organizer has stopped the command.
        doing: what is being done now; empty before it begins.
        began: when it began, by the monotonic clock.
        requests, throttled: as in `Outcome`.
    """

    member: Member
    seconds: float
    stopped: threading.Event
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
            state, found, advice = _complaint(error, self.member)
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
        """Note what is being done; what waits calls this, so it ends here in time, too."""
        self._in_time()
        self.doing = doing

    def _enter(self, organizer: Account, role: str) -> Account:
        """Assume the role, unless this is the organizer's own account.

        Raises:
            NoAccessError: the role cannot be assumed.
        """
        own: Any = organizer.session.get_credentials()  # never None: it knows its id
        key = own.get_frozen_credentials()
        outside = self._session(key.access_key, key.secret_key, key.token)
        if self.member.id == organizer.id:
            return Account(outside, organizer.endpoint)
        partition = outside.get_partition_for_region(self.member.region)
        arn = f"arn:{partition}:iam::{self.member.id}:role/{role}"
        try:
            answer = outside.client("sts").assume_role(RoleArn=arn, RoleSessionName="workshop")
        except ClientError as error:
            if error.response["Error"]["Code"] in _THROTTLING:
                raise
            raise NoAccessError(
                f"{arn} cannot be assumed: {error.response['Error']['Message']}",
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
        self.throttled += code in _THROTTLING

    def _in_time(self) -> None:
        if self.stopped.is_set():
            what = f"Stopped while it {self.doing}" if self.doing else "Not begun"
            raise InterruptedVisitError(what, "Run this again: it goes on where it stopped")
        if time.monotonic() - self.began > self.seconds:
            raise SlowError(
                f"Not done after {self.seconds:g} s: it {self.doing}",
                "Run this again: it goes on where it stopped; or give it time: --timeout",
            )


@cache
def _models() -> Any:  # noqa: ANN401 - botocore's loader
    """The services' models: most of a session, and shared by all of them."""
    return botocore.session.Session().get_component("data_loader")


def _complaint(error: Exception, member: Member) -> tuple[str, str, str]:
    """The state, the cause and the next step of an account in which something went wrong."""
    if isinstance(error, WorkshopError):
        return _STATES.get(type(error), "broken"), error.message, error.next_step
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code in _THROTTLING:
        return "throttled", str(error), "Run this again later, or with a smaller --concurrency"
    if code in _DENIED:
        return "no access", str(error), f"Allow it to the role; is {member.region} enabled there?"
    if isinstance(error, (EndpointConnectionError, HTTPClientError)):
        return "unreachable", str(error), f"Check the region {member.region} and the network"
    return "broken", f"{type(error).__name__}: {error}", "Run this again"


@dataclass(frozen=True)
class Fleet:
    """Many accounts, and how they are entered.

    Attributes:
        organizer: whose credentials assume the role.
        members: the accounts.
        role: the role's name.
        concurrency: in how many accounts something is done at the same time.
        seconds: how long the work in one account may take.
    """

    organizer: Account
    members: Sequence[Member]
    role: str
    concurrency: int
    seconds: float

    def run(
        self, work: Work, well: str, watch: Callable[[list[Visit], list[Outcome]], None]
    ) -> list[Outcome]:
        """Do the same work in every account.

        Interrupted, what is under way in an account ends at its next request, and what has not
        begun does not begin; interrupted twice, this gives up.

        Args:
            work: what to do in each.
            well: the state of an account in which it was done.
            watch: called with the visits under way and the outcomes so far, some times a second.

        Returns:
            an outcome for each account, in the order of the accounts.
        """
        stopped = threading.Event()
        visits = [Visit(member, self.seconds, stopped) for member in self.members]
        pool = ThreadPoolExecutor(self.concurrency)
        futures = {
            pool.submit(visit.outcome, work, self.organizer, self.role, well): visit
            for visit in visits
        }
        pending, outcomes = set(futures), list[Outcome]()
        while pending:
            try:
                done, pending = wait(pending, _TICK_SECONDS, FIRST_COMPLETED)
                outcomes += [future.result() for future in done]
                watch([v for f, v in futures.items() if f in pending and v.doing], outcomes)
            except KeyboardInterrupt:
                if stopped.is_set():
                    raise
                stopped.set()
        pool.shutdown()
        return [future.result() for future in futures]


def check(stack: str, *, run_job: bool) -> Work:
    """Check that an environment is ready; with `run_job`, that the job's CSV is right, too."""

    def work(account: Account, say: Say) -> str:
        say("looks at the stack")
        environment = find(account, stack, "python -m workshop fleet deploy")
        say("looks at the data, the tables, the queries and the job")
        checks = readiness.check(account, environment)
        verification.require(checks, "checks")
        found = f"{len(checks)} checks hold"
        if not run_job:
            return found
        ran = job.run(account, environment, lambda state, _: say(f"runs the job: {state}"))
        say("verifies the CSV")
        rules, data = verification.verify(account, environment)
        verification.require(rules)
        return f"{found}; {data.rows:,} rows in {ran.seconds} s, {len(rules)} rules hold"

    return work


def deploy(stack: str, template: cloudformation.Template) -> Work:
    """Bring the stack to the template, and check the environment."""
    ready = check(stack, run_job=False)

    def work(account: Account, say: Say) -> str:
        say("deploys")
        done = cloudformation.deploy(account, stack, template, lambda s: say(f"deploys: {s}"))
        return f"{done}; {ready(account, say)}"

    return work


def destroy(stack: str, role: str) -> Work:
    """Delete the stack, and prove that nothing of it is left; the role stays."""

    def work(account: Account, say: Say) -> str:
        say("looks at the stack")
        cloudformation.destroy(account, stack, lambda status: say(f"deletes: {status}"))
        say("takes the inventory")
        belongings = inventory.Belongings.of(account, stack)
        inventory.require_nothing(inventory.take(account, belongings, besides=role), account)
        return "nothing left"

    return work
