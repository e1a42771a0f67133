"""The saved queries of the workgroup in Athena.

Participants may save queries, too. What the organizer runs has the organizer's rights, so those of
the stack, as it deployed them, are told from all others.
"""

import operator
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from workshop.account import Account
from workshop.environment import Environment, resources
from workshop.errors import WorkshopError, reason

_COMMENTS = re.compile(r"^[ \t]*--[^\n]*$", re.MULTILINE)
_SUBSTITUTED = re.compile(r"\$\{([^}]*)\}")
_BATCH = 50  # the service's limit for one call
_PROPERTIES = ("Name", "Description", "Database", "QueryString")  # of SavedQuery
NAMED_QUERY = "AWS::Athena::NamedQuery"
LONGEST_READ = 10_000  # characters of a statement that an organizer is asked to read
STACK, CHANGED, ADDED = "stack", "changed", "added"  # where a saved query comes from


@dataclass(frozen=True)
class SavedQuery:
    """A saved query.

    Attributes:
        name, description: what Athena's console lists.
        database: where its unqualified table names are looked up.
        sql: its statement.
        origin: `stack`, as it was deployed; `changed` since then; or `added` by somebody else.
    """

    name: str
    description: str
    database: str
    sql: str
    origin: str = STACK

    @property
    def number(self) -> str:
        """The number with which the name of a query of the lesson begins."""
        return self.name.partition(" ")[0]

    @property
    def reads(self) -> bool:
        """Whether it only reads: a SELECT, with or without a WITH."""
        words = _COMMENTS.sub("", self.sql).split(maxsplit=1)
        return bool(words) and words[0].upper() in ("SELECT", "WITH")

    def lines_to_read(self) -> list[str]:
        """The lines of its statement, for an organizer who is to decide whether it runs.

        Raises:
            WorkshopError: it is too long to be read.
        """
        # Blank lines could move the part that matters out of sight.
        lines = [line.rstrip() for line in self.sql.splitlines() if line.strip()]
        if len(self.sql) > LONGEST_READ or not lines:
            raise WorkshopError(
                f"{self.name!r} is not the stack's, and has {len(self.sql):,} characters to read.",
                "Read it in Athena's console, and run what you want of it: --sql",
            )
        return lines


def of_stack(account: Account, environment: Environment) -> dict[str, SavedQuery]:
    """The stack's saved queries by their logical ids, in the order of the lesson.

    They are those with the ids of the stack's resources. Whoever may update one keeps its id: one
    that is not word for word as in the deployed template has the origin `changed`. What has been
    deleted is not among them.

    Raises:
        WorkshopError: the stack's template cannot be read.
    """
    made = resources(account, environment)
    logical = made[NAMED_QUERY]
    deployed = _deployed(account, environment, made)
    found = {
        logical[query_id]: replace(query, origin=CHANGED)
        if query != deployed.get(logical[query_id])
        else query
        for query_id, query in by_id(account.session, [*logical])
    }
    return dict(sorted(found.items(), key=lambda item: item[1].name))


def own(account: Account, environment: Environment) -> list[SavedQuery]:
    """The stack's saved queries that are as they were deployed, in the order of the lesson."""
    return [q for q in of_stack(account, environment).values() if q.origin == STACK]


def others(account: Account, environment: Environment) -> Iterator[SavedQuery]:
    """Yield the workgroup's other saved queries: those of the stack that were changed, then others.

    There may be thousands, of 262,144 bytes each: they are fetched as they are asked for.
    """
    yield from (q for q in of_stack(account, environment).values() if q.origin == CHANGED)
    stacks = resources(account, environment)[NAMED_QUERY]
    pages = account.session.client("athena").get_paginator("list_named_queries")
    for page in pages.paginate(WorkGroup=environment.workgroup):
        ids = [query_id for query_id in page["NamedQueryIds"] if query_id not in stacks]
        yield from (replace(query, origin=ADDED) for _, query in by_id(account.session, ids))


def statement(name: str | None, sql: str | None, file: Path | None) -> str | None:
    """The statement that is given, in a file, or on standard input (the name `-`); None if none is.

    Raises:
        WorkshopError: it is empty, or the file cannot be read.
    """
    if name == "-":
        sql = sys.stdin.read().removeprefix("\ufeff")
    elif file:
        try:
            sql = file.read_text(encoding="utf-8-sig")  # as Windows writes it
        except (OSError, UnicodeDecodeError) as error:
            raise WorkshopError(
                f"{file} cannot be read: {reason(error)}", "Choose a file with one SQL statement"
            ) from error
    if sql is not None and not sql.strip():
        raise WorkshopError("The statement is empty.", 'workshop query --sql "SELECT 1"')
    return sql


def choose(own: list[SavedQuery], others: Iterable[SavedQuery], name: str) -> SavedQuery:
    """Find one saved query.

    Args:
        own: the stack's queries, found by the number, the beginning of the name, or words of it.
        others: those that are not the stack's, found by the whole name only; not looked at where
            one of the stack's is found.
        name: what to look for.

    Raises:
        WorkshopError: none or several match.
    """
    for matching in (operator.eq, _has_number, str.startswith, _has_words):
        matches = [query for query in own if matching(query.name.lower(), name.lower())]
        if len(matches) == 1:
            return matches[0]
        if matches:
            break
    same = [] if matches else [q for q in others if q.name == name]
    if len(same) == 1:
        return same[0]
    if same:
        raise WorkshopError(
            f"{len(same)} saved queries have the name {name!r}, and none is the stack's.",
            "Read them in Athena's console, and run the statement that you mean: --sql",
        )
    names = "\n  ".join(q.name for q in matches or own)
    what = f"{len(matches)} saved queries match" if matches else "No saved query matches"
    raise WorkshopError(
        f"{what} {name!r}.",
        f"Name one of these by its number or a word of its name:\n  {names}\n"
        "Queries that are not the stack's own run only by their full name.",
    )


def _has_number(query: str, name: str) -> bool:
    number = query.partition(" ")[0]
    return name.isdecimal() and number.isdecimal() and int(number) == int(name)


def _has_words(query: str, name: str) -> bool:
    words = query.split()
    return all(any(word.startswith(part) for word in words) for part in name.split())


def by_id(session: boto3.Session, ids: list[str]) -> Iterator[tuple[str, SavedQuery]]:
    """Yield the saved queries of these ids that are there, each with its id."""
    athena = session.client("athena")
    for start in range(0, len(ids), _BATCH):
        answer = athena.batch_get_named_query(NamedQueryIds=ids[start : start + _BATCH])
        for q in answer["NamedQueries"]:
            query = SavedQuery(q["Name"], q.get("Description", ""), q["Database"], q["QueryString"])
            yield q["NamedQueryId"], query


def _deployed(
    account: Account, environment: Environment, made: Mapping[str, Mapping[str, str]]
) -> dict[str, SavedQuery]:
    """The saved queries by their logical ids, as the deployed template has them."""
    names = {
        logical: physical for ids in made.values() for physical, logical in ids.items() if physical
    }
    body: Any = account.session.client("cloudformation").get_template(
        StackName=environment.stack_id, TemplateStage="Processed"
    )["TemplateBody"]
    if not isinstance(body, Mapping):  # boto3 has parsed what is JSON
        raise WorkshopError(
            f"The template of {environment.stack} is not JSON: what it deployed cannot be told "
            "from what others saved.",
            "Deploy the exercise's own template: make deploy, or make event-template",
        )
    return {
        logical: SavedQuery(*(_text(properties.get(name, ""), names) for name in _PROPERTIES))
        for logical, resource in body["Resources"].items()
        if resource["Type"] == NAMED_QUERY
        for properties in [resource["Properties"]]
    }


def _text(value: object, names: Mapping[str, str]) -> str:
    """A property's text with the names of the stack's resources put in.

    The template says no more than `Ref` and `Fn::Sub`. What is anything else stays as it is
    written, and so equals nothing that was deployed.
    """
    match value:
        case {"Ref": str(name)} if name in names:
            return names[name]
        case {"Fn::Sub": str(text)}:
            return _SUBSTITUTED.sub(lambda found: names.get(found[1], found[0]), text)
    return str(value)
