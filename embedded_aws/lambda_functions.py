"""Keeps the Lambda functions of one account apart from those of the others, and ends what ends."""

from typing import Any

from embedded_aws import hooks, role_session


def install() -> None:
    """Scope to one account what MiniStack does to a function's processes in every account.

    CloudFormation gives a function the same name in each account, and MiniStack, which makes or
    changes one of them, ends the processes of all: a custom resource that waits for one of those
    would wait for an hour.

    And no process outlives its invocation: MiniStack keeps one for each function, with some 60 MB,
    also when the function has gone.

    And each process gets a secret key of its own: MiniStack's follows from the names of function
    and role, which others may know.
    """
    invalidate = hooks.lambda_functions.invalidate_worker
    release = hooks.lambda_functions.release_worker

    def invalidate_worker(name: str, qualifier: str | None = None, **scope: str) -> None:
        account, region = hooks.responses.get_account_id(), hooks.responses.get_region()
        invalidate(name, qualifier, **{"account": account, "region": region, **scope})

    def release_worker(worker: Any) -> None:
        if worker:
            worker.kill()
        release(worker)

    def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
        account = config["FunctionArn"].split(":")[4]
        made = role_session.assume(account, config["Role"], config["FunctionName"][:64])
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return dict(zip(names, made, strict=True))

    hooks.lambda_functions.invalidate_worker = invalidate_worker
    hooks.lambda_functions.release_worker = release_worker
    for module in (hooks.lambda_runtime, hooks.lambda_functions):
        module.execution_credentials = execution_credentials
