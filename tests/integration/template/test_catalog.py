"""The tables of the catalog: what their SerDe is told about the files."""

from typing import Any


def test_the_interactions_have_no_escape_that_an_identifier_may_contain(
    resources: dict[str, dict[str, Any]],
) -> None:
    """The SerDe's default, a backslash, would change identifiers and break rows."""
    (serde,) = (
        table["StorageDescriptor"]["SerdeInfo"]
        for table in (
            it["Properties"]["TableInput"]
            for it in resources.values()
            if it["Type"] == "AWS::Glue::Table"
        )
        if table["Name"] == "interactions"
    )
    assert serde["SerializationLibrary"].endswith("OpenCSVSerde")
    assert serde["Parameters"]["escapeChar"] == "\n"
