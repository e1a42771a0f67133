"""The commands of README, guide, and the other pages that have some: each program takes them."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import jmespath
import pytest
import typer.main
from botocore import xform_name
from botocore.model import ListShape, Shape, StructureShape
from typer.core import TyperGroup

from tests.support import PROJECT
from workshop.commands.app import app, with_port

PAGES = (
    *(
        PROJECT / name
        for name in (
            "README.md",
            *(f"docs/{name}.md" for name in ("checklist", "command-line", "console")),
            *(f"docs/{name}.md" for name in ("facilitator", "organizers", "other-ways-in")),
            *(f"docs/{name}.md" for name in ("own-data", "personalize", "segment")),
        )
    ),
    *sorted((PROJECT / "docs" / "guide").rglob("*.en.md")),
)
# The AWS CLI's own, for every command. Source: docs.aws.amazon.com/cli/latest/reference.
GLOBAL_OPTIONS = {"query", "output"}
SESSION = botocore.session.get_session()


def commands(*pages: Path) -> Iterator[list[str]]:
    """The words of each command in the pages' blocks of shell; in the guide, in its text, too."""
    for page in pages:
        text = page.read_text()
        blocks = re.findall(r"^ *```bash\n(.+?)^ *```", text, re.DOTALL | re.MULTILINE)
        lines = [line for block in blocks for line in block.replace("\\\n", "").splitlines()]
        if "guide" in page.parts:  # elsewhere the text shortens them
            lines += re.findall(r"`(workshop [^`\n]+)`", text)
        for line in lines:
            # What is kept in a variable is a command, too.
            command = re.sub(r"^ *[A-Z]+=\$\((.+)\)$", r"\1", line)
            words = shlex.split(re.sub(r"<[^>]*>", "placeholder", command), comments=True)
            if words:
                yield words


def of_program(*program: str) -> list[list[str]]:
    found = [w[len(program) :] for w in commands(*PAGES) if w[: len(program)] == list(program)]
    assert found
    return found


@pytest.mark.parametrize("words", of_program("make"), ids=" ".join)
def test_make_has_the_target(words: list[str]) -> None:
    """The first command of the page would fail."""
    makefile = (PROJECT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in words)


@pytest.mark.parametrize("words", of_program("workshop"), ids=" ".join)
def test_the_command_line_takes_it(words: list[str]) -> None:
    """An organizer would read a usage message on the morning of the event."""
    command = typer.main.get_command(app)
    words = with_port([*itertools.takewhile(lambda word: word not in {">", "|", "&&"}, words)])
    if "--help" in words:  # taken, it would print the help
        words.remove("--help")
    while isinstance(command, TyperGroup):
        if not words:  # a group is named, none of its commands
            return
        name, *words = words
        if name.startswith("-"):  # taken, it would be acted on
            assert name in {option for param in command.params for option in param.opts}
            return
        command = command.commands[name]
    command.make_context(command.name, words)


@pytest.mark.parametrize("words", of_program("aws"), ids=" ".join)
def test_the_service_takes_it(words: list[str]) -> None:
    """A command that nobody can try without an organization would fail in front of one."""
    service, action, *rest = words
    if service == "s3":  # the AWS CLI's own
        assert action == "sync"
        assert rest[2:] in ([], ["--delete"])
        return
    model = SESSION.get_service_model(service)
    if action == "wait":
        action, *rest = rest
        waiters = SESSION.get_waiter_model(service)
        (waiter,) = (name for name in waiters.waiter_names if xform_name(name, "-") == action)
        operation = waiters.get_waiter(waiter).operation
    else:
        (operation,) = (n for n in model.operation_names if xform_name(n, "-") == action)
    shape = model.operation_model(operation).input_shape
    assert shape
    members = {xform_name(name, "-"): (name, kind) for name, kind in shape.members.items()}
    given = options(rest)
    for name, value in given.items():
        plain = name.removeprefix("no-")
        assert plain in GLOBAL_OPTIONS | members.keys()
        if plain in members:
            assert fits(members[plain][1], value), (name, value)
    assert {members[name.removeprefix("no-")][0] for name in given.keys() - GLOBAL_OPTIONS} >= set(
        shape.required_members
    )


def test_the_list_of_accounts_has_none_that_is_suspended() -> None:
    """It would be `no access` for ever, whatever the organizer does."""
    (query,) = (
        options(words)["query"]
        for words in of_program("aws")
        if "list-accounts-for-parent" in words
    )
    accounts = [{"Id": "1", "Status": "ACTIVE"}, {"Id": "2", "Status": "SUSPENDED"}]
    assert jmespath.search(query, {"Accounts": accounts}) == [["1"]]


def options(words: list[str]) -> dict[str, str]:
    """Options by their names without hyphens; where the shell begins, the command ends."""
    text = " ".join(words).split(" > ")[0]
    parts = [part.partition(" ") for part in f" {text}".split(" --")[1:]]
    return {name: value for name, _, value in parts}


def fits(shape: Shape, value: str) -> bool:
    """Whether a value, in the AWS CLI's shorthand, is of the shape."""
    if isinstance(shape, ListShape):
        return fits(shape.member, value)
    if isinstance(shape, StructureShape):
        pairs = dict(pair.split("=") for pair in value.split(","))
        return all(fits(shape.members[key], text) for key, text in pairs.items())
    if shape.type_name == "boolean":
        return value in {"", "true", "false"}
    if shape.type_name == "integer":
        return value.isdecimal()
    return value in getattr(shape, "enum", ()) or not getattr(shape, "enum", ())
