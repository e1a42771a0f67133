"""What an organizer may say on the command line, and what is refused."""

from typing import Any

import pytest

from stacks.config import WorkshopConfig


class Context(dict[str, Any]):
    """A construct node's context."""

    def try_get_context(self, key: str) -> Any:
        return self.get(key)


def test_nothing_given_is_the_documented_default() -> None:
    """`cdk deploy` needs no argument."""
    assert WorkshopConfig.from_context(Context()) == WorkshopConfig(
        "SegmentPersonalizeWorkshop", retain_data=False
    )


@pytest.mark.parametrize(("given", "retain"), [(True, True), ("true", True), ("False", False)])
def test_flags_come_as_text_from_the_command_line(given: object, *, retain: bool) -> None:
    """`-c retainData=false` must not keep the data because it is a non-empty text."""
    assert WorkshopConfig.from_context(Context(retainData=given)).retain_data is retain


@pytest.mark.parametrize("given", ["yes", "", "1", 7])
def test_a_wrong_flag_names_its_key(given: object) -> None:
    """A typing error must not silently delete data."""
    with pytest.raises(ValueError, match=r"retainData=.*use true or false"):
        WorkshopConfig.from_context(Context(retainData=given))


def test_a_wrong_target_is_refused() -> None:
    """`-c target=events` would quietly make the template that needs a bootstrap."""
    assert WorkshopConfig.from_context(Context(target="event")).target == "event"
    with pytest.raises(ValueError, match=r"target='events': use account or event"):
        WorkshopConfig.from_context(Context(target="events"))


def test_a_schedule_and_an_address_come_from_the_command_line() -> None:
    """The job would run on no day, or nobody hear of a day that failed."""
    given = {"schedule": "cron(15 1 * * ? *)", "alarmEmail": "somebody@example.com"}
    config = WorkshopConfig.from_context(Context(given))
    assert (config.schedule, config.alarm_email) == tuple(given.values())


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"schedule": "rate(1 day)"}, "six fields"),  # Glue's triggers take no rates
        ({"schedule": "cron(15 1 * * *)"}, "six fields"),
        ({"schedule": "15 1 * * ? *"}, "six fields"),
        ({"schedule": "cron(15 1 * * ? *)", "alarmEmail": "somebody"}, "one address"),
        ({"schedule": "cron(15 1 * * ? *)", "alarmEmail": "a@b.example, c@d"}, "one address"),
        ({"alarmEmail": "somebody@example.com"}, "give a schedule"),
        ({"schedule": "cron(15 1 * * ? *)", "target": "event"}, "only cdk deploy"),
    ],
)
def test_a_schedule_that_would_not_work_is_refused(given: dict[str, str], named: str) -> None:
    """Glue or SNS would refuse it in the middle of the deployment, or nobody notice."""
    with pytest.raises(ValueError, match=named):
        WorkshopConfig.from_context(Context(given))


@pytest.mark.parametrize("name", ["2nd", "a_b", "x" * 61, "a b"])
def test_a_wrong_stack_name_is_refused_before_synthesis(name: str) -> None:
    """CloudFormation would refuse it after minutes."""
    with pytest.raises(ValueError, match="stackName"):
        WorkshopConfig.from_context(Context(stackName=name))
