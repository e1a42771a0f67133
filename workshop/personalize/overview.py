"""What Personalize has of a stack, and whether a newer CSV waits to be imported."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from workshop import freshness, inventory
from workshop.account import Account
from workshop.environment import MissingError, find
from workshop.errors import WorkshopError
from workshop.personalize.state import ImportJob, Part, Personalize, moment


@dataclass(frozen=True)
class Overview:
    """What Personalize has of one environment.

    Attributes:
        name: the environment's.
        parts, imports, others: see `Found` and `Personalize.others`.
        csv: when the run began that wrote the CSV in the bucket; 0 where there is none.
        csv_waits: whether that CSV is not imported.
    """

    name: str
    parts: list[Part]
    imports: Sequence[ImportJob]
    others: list[str]
    csv: int
    csv_waits: bool

    def facts(self, hint: Callable[[str], str]) -> list[tuple[str, str]]:
        """What a person reads of it; `hint` names the place in a command."""
        facts = [(part.kind, f"{part.name} is {part.status}") for part in self.parts]
        facts += [("last import", job.sentence) for job in self.imports[:1]]
        facts += [("used by", ", ".join(self.others))] if self.others else []
        if self.csv_waits:
            text = f"{moment(self.csv)} is not imported: workshop personalize import"
            facts.append(("CSV", hint(text)))
        return facts


def of(account: Account, stack: str) -> list[Overview]:
    """Look at what Personalize has of a stack: see `environments`."""
    try:
        csv = freshness.csv_begun(account, find(account, stack))
    except MissingError:
        csv = 0
    views = list[Overview]()
    for personalize in environments(account, stack):
        found = personalize.look()
        others = personalize.others() if found.group else []
        waits = bool(csv) and not found.import_of(csv)
        views.append(Overview(personalize.name, found.parts, found.imports, others, csv, waits))
    return views


def environments(account: Account, stack: str) -> Iterator[Personalize]:
    """Personalize for the stack, deployed or deleted: what was imported outlives it.

    Raises:
        WorkshopError: there never was such a stack.
    """
    account.check_reachable()
    names = inventory.workgroups(account, stack)
    if not names:
        raise WorkshopError(
            f"There is no stack {stack} on {account}, and none was deleted in the last 90 days.",
            "Give the name that it was deployed by: --stack NAME",
        )
    for name in names:
        yield Personalize(account, name)
