"""What an organizer gives to `fleet`, and what cannot be tried on the embedded AWS."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workshop import accounts_file
from workshop.accounts_file import Member
from workshop.cloudformation import Template
from workshop.commands.fleet import _question
from workshop.errors import WorkshopError
from workshop.visit import COUNTED, Outcome, Stop

ARABIC_FOUR = "\u0664"  # str.isdigit takes it for a digit
# As the console of AWS Organizations exports accounts.
EXPORTED = "\ufeffAccount ID,ARN,Email,Name,Status,Joined method,Joined timestamp"
ONE, TWO = "001122223333", "444455556666"


def read(folder: Path, text: str) -> list[Member]:
    file = folder / "accounts.csv"
    file.write_text(text, encoding="utf-8")
    return accounts_file.read(file, "us-east-1")


@pytest.mark.parametrize(
    ("text", "members"),
    [
        (f"{ONE}\n\n# later: 1\n {TWO} \r\n", [Member(ONE, "us-east-1"), Member(TWO, "us-east-1")]),
        (f'{ONE},eu-west-1,"Ants, the"\n', [Member(ONE, "eu-west-1", "Ants, the")]),
        (
            f"{EXPORTED}\n{ONE},arn:x,a@example.com,Ants,ACTIVE,CREATED,x\n",
            [Member(ONE, "us-east-1", "Ants")],
        ),
        (f"name,account_id,region\nAnts,{ONE},eu-west-1", [Member(ONE, "eu-west-1", "Ants")]),
    ],
    ids=["ids", "columns", "exported", "header"],
)
def test_accounts_are_read(tmp_path: Path, text: str, members: list[Member]) -> None:
    """An organizer would type a hundred ids again."""
    assert read(tmp_path, text) == members


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{ONE}\n1122223333\n", "line 2: '1122223333' is not an account ID"),  # Excel eats zeros
        (f"{ONE}\n{12 * ARABIC_FOUR}\n", f"line 2: '{12 * ARABIC_FOUR}' is not an account ID"),
        (f"{ONE},us-west-1", "line 1: there is no Amazon Personalize in the region 'us-west-1'"),
        (f"{ONE}\n{TWO}\n{ONE}", f"line 3: {ONE} is in the file twice"),
        (f"id,name\n{ONE},Ants", "line 1: 'id' is not an account ID"),
        ("# nobody\n", "names no account"),
    ],
    ids=["short", "digits", "region", "twice", "header", "empty"],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    """An account would be forgotten, or the wrong one deployed to."""
    with pytest.raises(WorkshopError, match=r"accounts\.csv") as caught:
        read(tmp_path, text)
    assert message in caught.value.message


def test_the_file_must_be_there(tmp_path: Path) -> None:
    """A mistyped name would be a traceback."""
    with pytest.raises(WorkshopError, match=r"none\.csv cannot be read"):
        accounts_file.read(tmp_path / "none.csv", "us-east-1")


@pytest.mark.parametrize(
    ("text", "parameters", "message"),
    [
        ("Resources: {}", {}, "is not a JSON template"),
        ("[]", {}, "is not a JSON template"),
        ('{"Resources": "' + "x" * 51_200 + '"}', {}, "CloudFormation takes 51,200"),
        ('{"Parameters": {"BucketSuffix": {}}}', {"Suffix": "b"}, "has no parameter Suffix"),
    ],
    ids=["yaml", "list", "large", "parameter"],
)
def test_a_bad_template_is_refused_before_anything_is_done(
    tmp_path: Path, text: str, parameters: dict[str, str], message: str
) -> None:
    """A hundred accounts would refuse it, each in its own words."""
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(WorkshopError) as caught:
        Template.read(tmp_path / "t.json", parameters)
    assert message in caught.value.message


def test_the_question_names_what_stays_in_personalize(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The organizer would close accounts whose imports others still train on."""
    what = "dataset group segment-personalize stays in Personalize"
    outcome = Outcome(ONE, "us-east-1", "", COUNTED, what, "", 1, 1, 0)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    members = [Member(ONE, "us-east-1")]
    chosen: Any = SimpleNamespace(members=members, run=lambda *_: [outcome], stop=Stop())
    question = _question(chosen, "Stack", yes=False)
    assert question.startswith("Delete the stack Stack in 1 account")
    assert "dataset group segment-personalize" in " ".join(capsys.readouterr().out.split())
