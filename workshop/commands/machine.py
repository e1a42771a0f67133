"""The commands around the exercise: `console`, `open`, `doctor`, `env`, `aws`."""

import os
import shutil
import sys
import webbrowser
from typing import Annotated, Literal

import typer

from stacks import outputs
from workshop import console, console_address, doctor, report
from workshop.account import DEFAULT_PORT, EMBEDDED_FOLDER
from workshop.checks import Check
from workshop.commands.answer import Answer
from workshop.commands.context import Context
from workshop.errors import WorkshopError

# What `open` opens in the AWS console: the output that has the link, and what the embedded AWS has
# in its place.
PAGES = {
    "bucket": (outputs.BUCKET_CONSOLE, "workshop aws s3 ls"),
    "athena": (outputs.ATHENA_CONSOLE, "workshop query"),
    "job": (outputs.JOB_CONSOLE, "workshop run-job"),
    "dashboard": (outputs.DASHBOARD_CONSOLE, "workshop logs"),
}


def console_(
    context: Context,
    *,
    listen: Annotated[
        int, typer.Option(min=1024, max=65_535, metavar="PORT", help="Port of the page.")
    ] = console_address.DEFAULT_PORT,
) -> Answer | None:
    """Do the exercise in a browser: the guide beside queries, job, bucket and checks.

    The page is served on this machine only, until you press Ctrl-C.

    Example: workshop console --local
    """
    context.announce()
    url = console_address.make(listen)
    console.out.print(url)
    sys.stdout.flush()
    if sys.stdout.isatty():
        webbrowser.open(url)
    # To import what serves pages takes longer than anything else that a command does. A fifth of it
    # is an HTTP client, which the websocket's library can do without.
    sys.modules.setdefault("aiohttp", None)  # type: ignore[arg-type]
    from workshop.local_console.server import serve  # noqa: PLC0415

    serve(context, url)
    return None


def open_(
    context: Context,
    *,
    page: Annotated[
        Literal["report", "console", "bucket", "athena", "job", "dashboard"],
        typer.Argument(
            help=f"report, console (the local one), or of the AWS console: {', '.join(PAGES)}."
        ),
    ] = "report",
) -> Answer:
    """Open the report, the local console, or a page of the AWS console, in the browser.

    Example: workshop open report
    """
    if page == "report":
        if not report.REPORT.exists():
            raise WorkshopError("There is no report yet.", "Write it: workshop report")
        url = report.REPORT.as_uri()
    elif page == "console":
        url = console_address.running()
    else:
        output, command = PAGES[page]
        if context.account.embedded:
            raise WorkshopError(
                "The embedded AWS has no AWS console.",
                f"Use the local one: workshop console; or {command}",
            )
        url = context.environment.outputs.get(output, "")
    # An output is whatever the stack's owner wrote; a file or a script must not open by it.
    if not url.startswith(("https://", report.REPORT.as_uri(), console_address.ROOT)):
        raise WorkshopError(
            f"The stack {context.stack} has no link to the {page}.", "workshop status"
        )
    if sys.stdout.isatty():
        webbrowser.open(url)
    return Answer({"url": url}, [url])


def doctor_(context: Context) -> Answer:
    """Check this machine and the account.

    Example: workshop doctor
    """
    where = (context.profile, context.region, context.port, os.environ.get("AWS_ENDPOINT_URL"))
    checks = [*doctor.check_machine(context.port or DEFAULT_PORT)]
    if any(where) or doctor.has_aws_settings():
        checks += doctor.check_account(lambda: context.account)
    else:
        found = "no credentials and no region: you need them to work on AWS only"
        checks.append(Check("account", passed=True, found=found))
    failure = None if all(check.passed for check in checks) else typer.Exit(1)
    return Answer(checks, [console.checks(checks)], failure)


def env(_: Context) -> Answer:
    """Print the variables that other tools need to use the embedded AWS.

    They are the endpoint, the region and the key, for a POSIX shell to evaluate. The key gives
    full access: do not store it.

    Example: eval "$(workshop env)" && aws s3 ls
    """
    from embedded_aws.server import EmbeddedAws  # noqa: PLC0415 - development requirements

    running = EmbeddedAws.of_folder(EMBEDDED_FOLDER)
    if not running:
        raise WorkshopError(
            f"No embedded AWS runs in {EMBEDDED_FOLDER.parent.parent}.", "Start it: make up"
        )
    values = running.client_environment()
    # A profile or a session token would come before the key.
    lines = ["unset AWS_PROFILE AWS_SESSION_TOKEN"]
    lines += [f"export {name}={value}" for name, value in values.items()]
    return Answer(values, ["\n".join(lines)])


def aws(context: Context) -> None:
    """Run the AWS CLI against the embedded AWS.

    Everything after aws goes to the AWS CLI, which must be installed.

    Example: workshop aws s3 ls
    """
    if not context.account.embedded:
        raise WorkshopError(
            "workshop aws is for the embedded AWS.", "Add --local; on AWS, run aws itself"
        )
    context.account.check_reachable()
    program = shutil.which("aws")
    if not program:
        raise WorkshopError(
            "The AWS CLI is not installed.",
            "Install it: docs.aws.amazon.com/cli; or use another tool: "
            'eval "$(workshop env)" sets the variables that all of them read',
        )
    # The variables of the embedded AWS are set since the account was connected to.
    os.execv(program, ["aws", *context.words])  # noqa: S606 - no shell is wanted
