"""Nothing is deleted without consent, and the question says what would go."""

from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer

from stacks.bucket_contents.simulated_shop import log_files
from tests.support.checkout import signed_in
from tests.support.failing_aws import Failing
from tests.support.shell import Shell
from tests.support.stack import bare_environment
from workshop import console, deletion
from workshop.account import EMBEDDED_ACCOUNT, EMBEDDED_REGION, Account
from workshop.errors import WorkshopError

BUCKET = "personalize-data-1"


def test_the_question_names_the_place_and_what_is_not_made_again(owner: boto3.Session) -> None:
    """Whoever is in another account than they think would delete Segment's real logs."""
    cloudformation: Any = owner.client("cloudformation")
    account = Account(owner, None)
    assert f"{account.id} in {EMBEDDED_REGION}" in deletion.question(account, "One")
    bucket = f'{{"Type": "AWS::S3::Bucket", "Properties": {{"BucketName": "{BUCKET}"}}}}'
    cloudformation.create_stack(
        StackName="One", TemplateBody=f'{{"Resources": {{"Data": {bucket}}}}}'
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="One")
    samples = [log.key for log in log_files(date(2026, 11, 1), 2, 200)]
    real = ["segment-logs/0Aiq3x/1432684800000/1.gz", "segment-logs/ios-prod/notes.txt", "mine"]
    for key in (*(f"segment-logs/{key}" for key in samples), *real):
        owner.client("s3").put_object(Bucket=BUCKET, Key=key)

    question = deletion.question(account, "One")

    for part in (
        account.id,
        EMBEDDED_REGION,
        f"s3://{BUCKET}/",
        f"{len(samples) + 3} objects",
    ):
        assert part in question
    assert "3 of them not sample logs" in question
    assert deletion.contents(account, BUCKET, "segment-logs/").others == 2


def test_commands_that_delete_want_consent(server: Failing, tmp_path: Path) -> None:
    """`seed --replace` would delete Segment's real logs, and `fleet destroy` everybody's."""
    shell, bucket = Shell(tmp_path), "personalize-data-asked"
    (tmp_path / "accounts.txt").write_text(f"{EMBEDDED_ACCOUNT}\n")
    with signed_in(server) as owner, bare_environment(owner, "Asked", bucket):
        key = "segment-logs/0Aiq3x/1432684800000/1.gz"
        owner.client("s3").put_object(Bucket=bucket, Key=key)
        for command, question in (
            ("seed --replace", f"Delete s3://{bucket}/segment-logs/ (1 objects, 1 of them not"),
            ("fleet destroy --accounts accounts.txt", "Delete the stack Asked in 1 account"),
        ):
            words = [*command.split(), "--stack", "Asked"]
            error = shell.run(*words, code=1, env=server.client_environment()).stderr
            assert f"This needs your consent: {question}" in error
            assert "add --yes" in error
        assert owner.client("s3").head_object(Bucket=bucket, Key=key)


@pytest.mark.parametrize(
    ("terminal", "yes", "answer", "outcome"),
    [
        (True, False, True, None),
        (True, False, False, typer.Abort),
        (True, True, None, None),
        (False, True, None, None),
        (False, False, None, WorkshopError),
    ],
    ids=["agreed", "refused", "--yes", "--yes in a script", "a script"],
)
def test_without_a_terminal_it_wants_yes(
    monkeypatch: pytest.MonkeyPatch,
    *,
    terminal: bool,
    yes: bool,
    answer: bool | None,
    outcome: type[Exception] | None,
) -> None:
    """A script in the wrong folder would delete what nobody meant."""
    asked: list[str] = []

    def confirm(question: str, **_: object) -> None:
        asked.append(question)
        if not answer:
            raise typer.Abort

    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal)
    monkeypatch.setattr(typer, "confirm", confirm)
    if outcome:
        with pytest.raises(outcome):
            console.confirm("Delete \u202eall", yes=yes)
    else:
        console.confirm("Delete \u202eall", yes=yes)
    assert asked == (["Delete \\u202eall?"] if answer is not None else [])
