"""The embedded AWS, where whichever resource its folder's file `fail-at` names fails once.

Run: python -m tests.end_to_end.failing_aws FOLDER PORT
"""

import sys
from pathlib import Path
from typing import Any

from workshop.local import cloudformation, server

FAIL_AT = "fail-at"


class Failing(server.EmbeddedAws):
    """Fails where it is told to."""

    module = "tests.end_to_end.failing_aws"

    def fail_at(self, logical_id: str) -> None:
        """Let the next creation or update of this resource fail."""
        (self.folder / FAIL_AT).write_text(logical_id, encoding="utf-8")


def _inject(named: Path) -> None:
    """Put the failure where MiniStack makes and changes every resource."""
    from ministack.services.cloudformation import stacks  # noqa: PLC0415 - once it is set up

    make, change = stacks._provision_resource, stacks._update_resource  # noqa: SLF001

    def fail(logical_id: str) -> None:
        if named.is_file() and named.read_text(encoding="utf-8") == logical_id:
            named.unlink()
            raise RuntimeError(f"injected at {logical_id}")

    def failing_make(kind: str, logical_id: str, properties: dict[str, Any], stack: str) -> Any:  # noqa: ANN401
        fail(logical_id)
        return make(kind, logical_id, properties, stack)

    def failing_change(*arguments: Any) -> Any:  # noqa: ANN401 - MiniStack's own
        fail(arguments[5])
        return change(*arguments)

    stacks._provision_resource, stacks._update_resource = failing_make, failing_change  # noqa: SLF001


if __name__ == "__main__":
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    install = cloudformation.install

    def install_and_inject() -> None:
        """As the embedded AWS does, and the failure on top."""
        install()
        _inject(folder / FAIL_AT)

    cloudformation.install = install_and_inject
    server.main(folder, port)
