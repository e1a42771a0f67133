"""The same work in many accounts at once: who is ready, who is not, and why.

Each account gets sessions of its own, by a role that the organizer's credentials assume, and its
own time. What goes wrong in one is that account's outcome, and holds up none of the others.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from workshop import cloudformation, console, deletion, job, readiness, verification
from workshop.account import Account
from workshop.accounts_file import Member
from workshop.checks import require
from workshop.environment import find
from workshop.errors import WorkshopError
from workshop.visit import Outcome, Say, Stop, Visit, Work

ONLY_SAMPLES = "only sample logs"
_TICK_SECONDS = 0.25


@dataclass(frozen=True)
class Fleet:
    """Many accounts, and how they are entered.

    Attributes:
        organizer: whose credentials assume the role.
        members: the accounts.
        role: the role's name.
        concurrency: in how many accounts something is done at the same time.
        seconds: how long the work in one account may take.
        stop: set when the command is to end before all of them are done.
    """

    organizer: Account
    members: Sequence[Member]
    role: str
    concurrency: int
    seconds: float
    stop: Stop = field(default_factory=Stop)

    def run(
        self, work: Work, well: str, watch: Callable[[list[Visit], list[Outcome]], None]
    ) -> list[Outcome]:
        """Do the same work in every account.

        Interrupted, or where a failure's cause is common to all accounts, what is under way in an
        account ends at its next request, and what has not begun does not begin; interrupted twice,
        this gives up.

        Args:
            work: what to do in each.
            well: the state of an account in which it was done.
            watch: called with the visits under way and the outcomes so far, some times a second.

        Returns:
            an outcome for each account, in the order of the accounts.
        """
        visits = [Visit(member, self.seconds, self.stop) for member in self.members]
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
                if self.stop.event.is_set():
                    raise
                self.stop.event.set()
        pool.shutdown()
        return [future.result() for future in futures]


@dataclass(frozen=True)
class Results:
    """What came of all accounts.

    Attributes:
        accounts: each one's outcome.
        states: how many accounts are in each state.
        seconds: how long it took.
        requests, throttled: of all accounts, as in `Outcome`.
    """

    accounts: list[Outcome]
    states: dict[str, int]
    seconds: float
    requests: int
    throttled: int

    @classmethod
    def of(cls, outcomes: list[Outcome], seconds: float) -> "Results":
        """Sum the outcomes up."""
        return cls(
            outcomes,
            dict(Counter(outcome.state for outcome in outcomes)),
            round(seconds, 1),
            sum(outcome.requests for outcome in outcomes),
            sum(outcome.throttled for outcome in outcomes),
        )

    def summary(self, well: str) -> str:
        """How many accounts are well, and what that took, in a sentence."""
        total = len(self.accounts)
        return (
            f"{self.states.get(well, 0)} of {console.counted(total, 'account')} "
            f"{'is' if total == 1 else 'are'} {well}: {self.seconds:.0f} s, "
            f"{total * 60 / max(self.seconds, 0.1):.0f} accounts a minute, "
            f"{self.requests:,} requests, {self.throttled} of them throttled."
        )

    def require(self, well: str) -> None:
        """Raise an error unless all accounts are well.

        Raises:
            WorkshopError: some are not; the message names them, the next step is the first one's.
        """
        unwell = [outcome for outcome in self.accounts if not outcome.well]
        if unwell:
            raise WorkshopError(
                f"{len(unwell)} of {len(self.accounts)} accounts are not {well}: "
                + ", ".join(f"{outcome.account} is {outcome.state}" for outcome in unwell),
                f"{unwell[0].account}: {unwell[0].next_step}",
            )


def check(account: Account, say: Say, *, stack: str, run_job: bool = False) -> str:
    """Check that an environment is ready; with `run_job`, that the job's CSV is right, too."""
    say("looks at the stack")
    environment = find(account, stack, "workshop fleet deploy")
    say("looks at the data, the tables, the queries and the job")
    checks = readiness.check(account, environment)
    require(checks, "checks")
    found = f"{len(checks)} checks hold"
    if not run_job:
        return found
    ran = job.run(account, environment, lambda state, _: say(f"runs the job: {state}"))
    say("verifies the CSV")
    rules, data = verification.verify(account, environment)
    require(rules)
    return f"{found}; {data.rows:,} rows in {ran.seconds} s, {len(rules)} rules hold"


def deploy(account: Account, say: Say, *, stack: str, template: cloudformation.Template) -> str:
    """Bring the stack to the template, and check the environment."""
    say("deploys")
    done = cloudformation.deploy(account, stack, template, lambda s: say(f"deploys: {s}"))
    return f"{done}; {check(account, say, stack=stack)}"


def count(account: Account, say: Say, *, stack: str) -> str:
    """What would be deleted with the stack that is more than sample logs, and what would stay."""
    say("counts the objects")
    lost = [str(place) for place in deletion.contents_of(account, stack) if place.others]
    stays = [f"{part} stays in Personalize" for part in deletion.imported(account, stack)]
    return "; ".join([*lost, *stays]) or ONLY_SAMPLES


def destroy(account: Account, say: Say, *, stack: str) -> str:
    """Delete the stack, and prove that nothing of it is left."""
    taken = deletion.delete(account, stack, say)
    taken.require_nothing(account)
    return taken.summary(account, stack)
