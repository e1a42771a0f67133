"""The command line as a whole: its commands, and how an error ends it."""

import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from typer import Abort
from typer._click.exceptions import UsageError

from workshop import causes, console
from workshop.account import DEFAULT_PORT
from workshop.commands import (
    data,
    environment,
    fleet,
    job,
    machine,
    personalize,
    query,
    segment,
)
from workshop.commands.answer import Answer
from workshop.commands.context import add_command, group
from workshop.errors import WorkshopError, reason

NOT_UNDERSTOOD = 2
app = group(
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Deploy, rehearse, check and tear down the exercise environment: on AWS, with the "
    "credentials that any AWS tool would use, or with --local on this machine.",
)
# Those that take words which are not options of theirs.
PAIRS = {"allow_extra_args": True, "ignore_unknown_options": True}
THE_REST = {"allow_extra_args": True, "allow_interspersed_args": False}
SETTINGS = {job.run_job: PAIRS, data.transform: PAIRS, machine.aws: THE_REST}
COMMANDS: dict[str, Sequence[Callable[..., Answer | None]]] = {
    "The environment": (environment.up, environment.status, environment.down),
    "The job": (job.run_job, job.logs, job.stop, job.fallback),
    "Results": (query.query, data.verify, data.report_, machine.open_, machine.console_),
    "Data": (data.seed, data.transform, segment.send_events),
    "This machine": (machine.doctor_, machine.env, machine.aws),
}
for panel, functions in COMMANDS.items():
    for function in functions:
        settings = SETTINGS.get(function)
        add_command(app, function, rich_help_panel=panel, context_settings=settings)
for function in (fleet.check, fleet.deploy, fleet.destroy):
    add_command(fleet.GROUP, function)
for function in (personalize.import_, personalize.status, personalize.teardown):
    add_command(personalize.GROUP, function)
app.add_typer(personalize.GROUP, name="personalize", rich_help_panel="Amazon Personalize")
app.add_typer(fleet.GROUP, name="fleet", rich_help_panel="Many accounts")


def main() -> None:
    """Run the command line; an error is its cause, the next step, and the exit code 1."""
    # Whatever cannot be written as it is must not stop an answer: a lone surrogate, for one.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = _show_exception
    # A terminated command tidies up as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(_run(with_port(sys.argv[1:])))


def with_port(words: list[str]) -> list[str]:
    """Give each `--local` its port: the next word, if it is one, or the usual one."""
    done: list[str] = []
    for word in words:
        # Saved queries have numbers, too, of two digits.
        if done and done[-1] == "--local" and re.fullmatch(r"[0-9]{3,}", word):
            done[-1] = f"--local={word}"
        else:
            done.append(word)
    return [f"--local={DEFAULT_PORT}" if word == "--local" else word for word in done]


def _run(words: list[str]) -> int:
    """Run a command and return its exit code."""
    try:
        code = app(words, prog_name="workshop", standalone_mode=False) or 0
    except WorkshopError as error:
        return _fail(words, error)
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        shown = causes.explained(error)
        shown.details = traceback.format_exc()
        return _fail(words, shown)
    except OSError as error:  # a full disk, a file that may not be written
        advice = "Check the file that is named, and the free space: df -h ."
        what = f"{error.filename}: {reason(error)}" if error.filename else reason(error)
        return _fail(words, WorkshopError(what, advice, traceback.format_exc()))
    except UsageError as error:
        path = error.ctx.command_path if error.ctx else "workshop"
        return _fail(words, WorkshopError(error.format_message(), f"{path} --help"), NOT_UNDERSTOOD)
    except Abort:
        console.progress.print("Nothing was done.")
        return 1
    if code == console.INTERRUPTED:
        console.progress.print("Interrupted.")
    return int(code)


def _fail(words: list[str], error: WorkshopError, code: int = 1) -> int:
    if error.details and {"-v", "--verbose"} & {*words}:
        console.progress.print(error.details, soft_wrap=True, style="dim")
    console.error(error.message, error.next_step)
    if "--json" in words and not error.answered:
        console.print_json({"error": error.message, "next": error.next_step})
    return code


def _show_exception(*error: Any) -> None:  # noqa: ANN401 - what sys.excepthook takes
    """Print a traceback as Python does, but nothing in it that a terminal would act on."""
    console.progress.print("".join(traceback.format_exception(*error)), soft_wrap=True)
