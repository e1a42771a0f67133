"""The next step as it is typed in the place where a command works."""

import re

from workshop.account import DEFAULT_PORT
from workshop.environment import DEFAULT_STACK

_COMMAND = re.compile(
    r"\bworkshop(?= (up|down|status|query|verify|report|run-job|logs|stop|fallback|seed|open|"
    r"console|doctor|aws|personalize)\b)"
)
_TARGET = re.compile(r"\bmake (up|down|deploy|destroy|status)\b(?! \w+=)")


def hint(
    text: str, *, profile: str | None, region: str | None, port: int | None, stack: str
) -> str:
    """Give the commands that a text names the options by which they work in the same place."""
    stack = "" if stack == DEFAULT_STACK else stack
    options = {"--profile": profile, "--region": region, "--local": port, "--stack": stack}
    settings = {"PORT": port if port != DEFAULT_PORT else None, "STACK": stack}
    words = "".join(f" {name} {value}" for name, value in options.items() if value)
    text = _COMMAND.sub(lambda _: f"workshop{words}", text)
    words = "".join(f" {name}={value}" for name, value in settings.items() if value)
    return _TARGET.sub(lambda found: f"{found[0]}{words}", text)
