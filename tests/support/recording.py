"""The embedded AWS that notes which call of which principal its IAM evaluation allows or refuses.

Run: python -m tests.support.recording FOLDER PORT
"""

import json
import sys
from pathlib import Path
from typing import Any

from embedded_aws import iam, server

CALLS, REFUSED = "calls.jsonl", "refused.jsonl"


class Recording(server.EmbeddedAws):
    """Keeps lists of the calls; the account's owner's are not in them."""

    module = "tests.support.recording"

    def calls(self) -> list[dict[str, str]]:
        """The calls so far: who called (ARN), the action, and the resource (ARN or `*`)."""
        return self._read(CALLS)

    def refused(self) -> list[dict[str, str]]:
        """The calls that were not allowed."""
        return self._read(REFUSED)

    def _read(self, name: str) -> list[dict[str, str]]:
        lines = (self.folder / name).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


def _record(folder: Path) -> None:
    """Note every call where MiniStack decides on it."""
    from ministack.core import iam_evaluator  # noqa: PLC0415 - once it is set up

    enforce = iam_evaluator.enforce
    allowed, refused = folder / CALLS, folder / REFUSED
    for file in (allowed, refused):
        file.write_text("", encoding="utf-8")

    def noting_enforce(
        access_key: str, action: str, *request: Any, resource_arn: str = "*", **more: Any
    ) -> object:
        denied = enforce(access_key, action, *request, resource_arn=resource_arn, **more)
        caller = iam_evaluator.caller_arn()
        if not caller.endswith(":root"):
            call = {"principal": caller, "action": action, "resource": resource_arn}
            with (allowed if denied is None else refused).open("a", encoding="utf-8") as calls:
                calls.write(json.dumps(call) + "\n")
        return denied

    iam_evaluator.enforce = noting_enforce


if __name__ == "__main__":
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    install = iam.install

    def install_and_record() -> None:
        """As the embedded AWS does, and the recorder on top."""
        install()
        _record(folder)

    iam.install = install_and_record
    server.main(folder, port)
