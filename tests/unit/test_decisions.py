"""The records of decisions."""

import re

from tests.support import PROJECT

STATUS = re.compile(
    r"# \d+\. .+\n\nDate: 20\d\d-\d\d-\d\d\. Status: (accepted[.;]|superseded by \[)"
)


def test_every_decision_has_a_number_a_date_and_a_status() -> None:
    """A reader must see at once whether it still holds."""
    files = sorted((PROJECT / "docs" / "decisions").glob("0*.md"))
    texts = {file.name: file.read_text(encoding="utf-8") for file in files}
    assert texts
    assert [name for name, text in texts.items() if not STATUS.match(text)] == []
    numbers = {int(name[:4]): int(text[2:].partition(".")[0]) for name, text in texts.items()}
    assert [one for one, other in numbers.items() if one != other] == []
