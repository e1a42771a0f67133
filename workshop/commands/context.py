"""What all commands share: their options, where they work, and how they are registered."""

import dataclasses
import functools
import inspect
import os
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import typer
from typer._click.core import ParameterSource
from typer.core import TyperCommand, TyperGroup

from workshop import console, deployment, hints
from workshop.account import DEFAULT_PORT, EMBEDDED_FOLDER, LAST_PORT, Account, connect
from workshop.commands.answer import Answer
from workshop.environment import DEFAULT_STACK, Environment, find
from workshop.errors import Left, WorkshopError

# Source: AWS CloudFormation API Reference, CreateStack, StackName.
_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
_CLOSED_PIPE = 141  # the exit code that a shell expects: 128 + SIGPIPE


def _stack(name: str | None) -> str | None:
    if name is not None and not _STACK_NAME.fullmatch(name):
        raise WorkshopError(
            f"--stack {name[:130]!r} is not a valid name of a stack.",
            "Use letters, digits and hyphens, at most 128, with a letter first",
        )
    return name


def _port(number: int | None) -> int | None:
    if number is not None and not 1 <= number <= LAST_PORT:
        raise typer.BadParameter(f"{number} is not a port: 1 to {LAST_PORT}")
    return number


def _version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with the option's value
    if wanted:
        project = tomllib.loads((deployment.PROJECT / "pyproject.toml").read_text())["project"]
        console.out.print(f"workshop {project['version']}")
        raise typer.Exit


_shared = functools.partial(typer.Option, rich_help_panel="Options of every command")


@dataclass(kw_only=True)
class Context:
    """Where a command works, and how it prints its answer: by the options of every command."""

    profile: Annotated[
        str | None, _shared("--profile", metavar="NAME", help="Use this AWS profile.")
    ] = None
    region: Annotated[
        str | None, _shared("--region", metavar="NAME", help="Use this AWS region.")
    ] = None
    port: Annotated[
        int | None,
        _shared(
            "--local",
            metavar="[PORT]",
            callback=_port,
            help=f"Use the embedded AWS on this machine, at port {DEFAULT_PORT} or PORT.",
        ),
    ] = None
    stack: Annotated[
        str,
        _shared(
            "--stack",
            metavar="NAME",
            callback=_stack,
            show_default=False,
            help=f"Use this stack instead of {DEFAULT_STACK}.",
        ),
    ] = DEFAULT_STACK
    as_json: Annotated[bool, _shared("--json", help="Output JSON.")] = False
    verbose: Annotated[bool, _shared("--verbose", "-v", help="Show the details of an error.")] = (
        False
    )
    version: Annotated[
        bool, _shared("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False
    words: Sequence[str] = ()  # those that are not options of the command

    @cached_property
    def account(self) -> Account:
        """The account in which to work."""
        return connect(self.profile, self.region, self.port)

    @cached_property
    def environment(self) -> Environment:
        """The deployed stack."""
        return find(self.account, self.stack)

    @cached_property
    def server(self) -> Any:  # noqa: ANN401 - imported where it is needed only
        """The embedded AWS that the account's endpoint names; None on AWS."""
        if not self.account.port:
            return None
        from embedded_aws.server import EmbeddedAws  # noqa: PLC0415 - development requirements

        deployment.build_folder()
        return EmbeddedAws(EMBEDDED_FOLDER, self.account.port)

    def hint(self, text: str) -> str:
        """Give the commands that a text names the options by which they work in the same place."""
        account = self.__dict__.get("account")  # if there is one
        port = account.port if account else self.port
        return hints.hint(
            text, profile=self.profile, region=self.region, port=port, stack=self.stack
        )

    def announce(self) -> None:
        """Say where the command works, before it changes anything."""
        console.progress.print(f"Working on {self.account}.")


OPTIONS = dict(inspect.signature(Context, eval_str=True).parameters)
del OPTIONS["words"]

# Of the commands that delete or run what somebody may not mean.
Yes = Annotated[
    bool,
    typer.Option("--yes", help="Continue without asking; required where there is no terminal."),
]


class _PlainFlags:
    """A command or group whose help names no type of an option that takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - Typer's own
        """The parameters, in the order of the help."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
        return params


class _Command(_PlainFlags, TyperCommand): ...


class _Group(_PlainFlags, TyperGroup): ...


def add_command(
    app: typer.Typer,
    function: Callable[..., Answer | None],
    **settings: Any,  # noqa: ANN401 - Typer's own
) -> None:
    """Add a function as a command, with the shared options; its answer is printed.

    The function takes the context first, and then its own options; those that several commands have
    are the fields of a dataclass. An underscore at the end of its name, which tells it from a
    module, is not part of the command's.
    """
    own, groups = list[inspect.Parameter](), dict[str, Any]()
    for parameter in list(inspect.signature(function, eval_str=True).parameters.values())[1:]:
        kind = parameter.annotation
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            groups[parameter.name] = kind
            own += inspect.signature(kind).parameters.values()
        else:
            own.append(parameter)

    @functools.wraps(function)
    def run(invocation: typer.Context, **options: Any) -> None:  # noqa: ANN401
        context = _context(invocation, {name: options.pop(name) for name in OPTIONS})
        for name, kind in groups.items():
            given = {field.name: options.pop(field.name) for field in dataclasses.fields(kind)}
            options[name] = kind(**given)
        try:
            answer = function(context, **options)
            if answer:
                answer.print(as_json=context.as_json)
            sys.stdout.flush()
        except Left as left:
            console.progress.print(context.hint(left.hint))
            raise
        except WorkshopError as error:
            error.next_step = context.hint(error.next_step)
            raise
        except BrokenPipeError:
            # Nobody reads the rest; Python itself would complain when it closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(_CLOSED_PIPE) from None

    _sign(run, own)
    text = inspect.getdoc(function) or ""
    settings["help"] = re.sub(r"(?<!\n)\n(?!\n)", " ", text)  # Rich would keep the line's end
    name = function.__name__.strip("_").replace("_", "-")
    app.command(name, cls=_Command, **settings)(run)


def group(**settings: Any) -> typer.Typer:  # noqa: ANN401 - Typer's own
    """Make a group of commands that takes the shared options before the command, too."""
    app = typer.Typer(cls=_Group, invoke_without_command=True, **settings)

    def before(invocation: typer.Context, **shared: Any) -> None:  # noqa: ANN401
        invocation.obj = _context(invocation, shared)
        if not invocation.invoked_subcommand:
            typer.echo(invocation.get_help())

    _sign(before, [])
    app.callback()(before)
    return app


def _sign(function: Callable[..., None], own: Sequence[inspect.Parameter]) -> None:
    """Give a function the signature from which Typer makes the options."""
    invocation = inspect.Parameter(
        "invocation", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    signature = inspect.Signature([invocation, *own, *OPTIONS.values()])
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}


def _context(invocation: typer.Context, shared: dict[str, Any]) -> Context:
    """The context of a group or command: its options come before those of the group around it."""
    given = {
        name: value
        for name, value in shared.items()
        if invocation.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    outer = invocation.obj or Context()
    return dataclasses.replace(outer, **given, words=[*invocation.args])
