"""The embedded AWS, where failures can be injected.

Whichever resource its folder's file `fail-at` names fails once; and CloudFormation refuses the
accounts that the file `throttled` names, or answers those that the file `silent` names never.

Run: python -m tests.support.failing_aws FOLDER PORT
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from embedded_aws import cloudformation, server

FAIL_AT, THROTTLED, SILENT = "fail-at", "throttled", "silent"
App = Callable[..., Awaitable[None]]
RATE_EXCEEDED = b"""<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>
<Message>Rate exceeded</Message></Error><RequestId>1</RequestId></ErrorResponse>"""


class Failing(server.EmbeddedAws):
    """Fails where it is told to."""

    module = "tests.support.failing_aws"

    def fail_at(self, logical_id: str, account: str = "") -> None:
        """Let the next creation or update of this resource fail, in this account or in any."""
        (self.folder / FAIL_AT).write_text(f"{account}{logical_id}", encoding="utf-8")

    def throttle(self, accounts: dict[str, int]) -> None:
        """From now on, let CloudFormation answer "Rate exceeded" to every n-th request of these."""
        (self.folder / THROTTLED).write_text(json.dumps(accounts), encoding="utf-8")

    def silence(self, *accounts: str) -> None:
        """From now on, let CloudFormation never answer these."""
        (self.folder / SILENT).write_text(json.dumps(accounts), encoding="utf-8")


def _inject(named: Path) -> None:
    """Put the failure where MiniStack makes and changes every resource."""
    from ministack.core.responses import get_account_id  # noqa: PLC0415 - once it is set up
    from ministack.services.cloudformation import stacks  # noqa: PLC0415

    make, change = stacks._provision_resource, stacks._update_resource  # noqa: SLF001

    def fail(logical_id: str) -> None:
        here = {logical_id, f"{get_account_id()}{logical_id}"}
        if named.is_file() and named.read_text(encoding="utf-8") in here:
            named.unlink()
            raise RuntimeError(f"injected at {logical_id}")

    def failing_make(kind: str, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        fail(logical_id)
        return make(kind, logical_id, properties, stack)

    def failing_change(*arguments: Any) -> Any:
        fail(arguments[5])
        return change(*arguments)

    stacks._provision_resource, stacks._update_resource = failing_make, failing_change  # noqa: SLF001


def _refusing(app: App, folder: Path) -> App:
    """Put the refusals before everything that comes for CloudFormation."""
    requests = Counter[str]()

    def named(file: str) -> Any:
        path = folder / file
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    async def answer(scope: dict[str, Any], receive: object, send: Callable[..., Any]) -> None:
        from ministack.services import sts  # noqa: PLC0415 - once it is set up

        signed = dict(scope.get("headers", [])).get(b"authorization", b"").decode()
        key, _, rest = signed.partition("Credential=")[2].partition("/")
        account = sts._sessions.get(key, {}).get("AccountId", key)  # noqa: SLF001
        if "/cloudformation/" in rest:
            if account in named(SILENT):
                await asyncio.sleep(3600)
            requests[account] += 1
            if requests[account] % named(THROTTLED).get(account, sys.maxsize) == 0:
                await send({"type": "http.response.start", "status": 400, "headers": []})
                await send({"type": "http.response.body", "body": RATE_EXCEEDED})
                return
        await app(scope, receive, send)

    return answer


if __name__ == "__main__":
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    install, over_tls = cloudformation.install, server._over_tls  # noqa: SLF001

    def install_and_inject() -> None:
        """As the embedded AWS does, and the failure on top."""
        install()
        _inject(folder / FAIL_AT)

    cloudformation.install = install_and_inject
    server._over_tls = lambda app: _refusing(over_tls(app), folder)  # noqa: SLF001
    server.main(folder, port)
