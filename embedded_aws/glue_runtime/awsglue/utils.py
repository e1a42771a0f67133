"""Job arguments, as `awsglue.utils` resolves them."""

import argparse
from typing import Any, NoReturn

# Glue passes these itself and refuses a script that asks for them by name.
_RESERVED = ("JOB_ID", "JOB_RUN_ID", "SECURITY_CONFIGURATION")


class GlueArgumentError(Exception):
    """A job argument is missing or has no value."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GlueArgumentError(message)


def getResolvedOptions(args: list[str], options: list[str]) -> dict[str, Any]:  # noqa: N802
    """Resolve the arguments that the script asks for.

    Args:
        args: `sys.argv`: the script, then `--NAME value` or `--NAME=value`; names that are not
            asked for are ignored, and no abbreviation is taken (Glue 6.0).
        options: the names asked for, without `--`; every one is required.

    Returns:
        The value by name, and those of Glue's own arguments that were passed.

    Raises:
        GlueArgumentError: an option is missing ("the following arguments are required: --X").
        RuntimeError: an option is one of Glue's own.
    """
    parser = _Parser(allow_abbrev=False, add_help=False)
    for option in _RESERVED:
        if option in options:
            raise RuntimeError(f"Using reserved arguments {option}")
        parser.add_argument(f"--{option}", default=argparse.SUPPRESS)
    for option in options:
        parser.add_argument(f"--{option}", required=True)
    return vars(parser.parse_known_args(args[1:])[0])
