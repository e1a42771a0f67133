"""The whole exercise in one go: deployed, done, and summed up."""

from collections.abc import Sequence
from typing import Any

from workshop import console, deployment, summary
from workshop.account import Account
from workshop.environment import find
from workshop.errors import Left, WorkshopError
from workshop.steps import Steps
from workshop.summary import Summary


def up(
    account: Account,
    stack: str,
    options: Sequence[str],
    server: Any = None,  # noqa: ANN401 - EmbeddedAws, of the development requirements
) -> Summary:
    """Deploy the stack, and do whatever is missing from the exercise.

    Args:
        account: where to.
        stack: its name.
        options: more options of `cdk deploy`.
        server: the embedded AWS, to be started; when something fails it is stopped again, unless it
            is the job, whose log is what one looks at next.
    """
    started, is_deployed = False, False
    steps = Steps(summary.STEPS + (3 if server else 1))
    try:
        if server:
            # Found out now: it would fail the job in a minute.
            from embedded_aws.spark import check_java  # noqa: PLC0415 - development requirements

            check_java()
            with steps.step("Embedded AWS") as step:
                started = server.start()
                step.result = f"{'started' if started else 'runs'} at {server.endpoint}"
        console.progress.print(f"Working on {account}.")
        if server:
            with steps.step("cdk bootstrap") as step:
                bootstrapped = deployment.bootstrap(account, step.update)
                step.result = "done" if bootstrapped else "was done"
        with steps.step("cdk deploy") as step:
            deployment.deploy(account, stack, options, step.update)
            environment = find(account, stack)
            step.result = f"{stack} is {environment.status}"
        is_deployed = True
        return summary.gather(account, environment, steps)
    except BaseException as error:
        if server and started and not (is_deployed and isinstance(error, WorkshopError)):
            console.progress.print("Stopping the embedded AWS again.")
            server.stop()
            if isinstance(error, Left):  # it has ended with the server
                raise KeyboardInterrupt from error
        raise
