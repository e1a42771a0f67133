"""The arguments of a job run: the script's own, and those that Glue reads."""

import difflib
from collections.abc import Iterable, Sequence
from datetime import date

from workshop.errors import WorkshopError

# The script's arguments, with the options of the command line that set them.
SCRIPT = {
    "S3_JSON_INPUT_PATH": "input",
    "S3_CSV_OUTPUT_PATH": "output",
    "S3_REJECTED_PATH": "",
    "SUPPORTED_EVENTS": "events",
    "START_DATE": "start_date",
    "END_DATE": "end_date",
    "ITEM_FIELDS": "item_fields",
    "USER_FIELDS": "user_fields",
    "EVENT_VALUE_FIELD": "event_value_field",
    "MAX_ROWS_PER_FILE": "max_rows_per_file",
}
# Options of a run that are not arguments of it.
RUN = ("--attach", "--json", "--local", "--number-of-workers", "--stack", "--timeout")
# Source: AWS Glue Developer Guide, "Using job parameters in AWS Glue jobs".
GLUE = (
    *("TempDir", "additional-python-modules", "class", "conf", "continuous-log-conversionPattern"),
    *("continuous-log-logGroup", "continuous-log-logStreamPrefix", "custom-logGroup-prefix"),
    *("custom-logStream-prefix", "datalake-formats", "enable-auto-scaling"),
    *("enable-continuous-cloudwatch-log", "enable-continuous-log-filter"),
    *("enable-glue-datacatalog", "enable-job-insights", "enable-metrics"),
    *("enable-observability-metrics", "enable-s3-parquet-optimized-committer", "enable-spark-ui"),
    *("extra-files", "extra-jars", "extra-py-files", "job-bookmark-from", "job-bookmark-option"),
    *("job-bookmark-to", "job-language", "python-modules-installer-option", "scriptLocation"),
    *("spark-event-logs-path", "user-jars-first", "write-shuffle-files-to-s3"),
    "write-shuffle-spills-to-s3",
)


def job_arguments(
    words: Sequence[str], known: Iterable[str] = (), **options: object
) -> dict[str, str]:
    """Unite `--NAME VALUE` pairs and options to a run's arguments.

    Args:
        words: the pairs' words; a pair may also be one word, `--NAME=VALUE`.
        known: names besides the script's and Glue's, e.g. `--ITEM_FIELDS`.
        options: values by the names of SCRIPT; None where one is not given.

    Raises:
        WorkshopError: a name is unknown, has no value, or is there twice.
    """
    pairs = [
        part for word in words for part in (word.split("=", 1) if word[:2] == "--" else [word])
    ]
    names, values = pairs[::2], pairs[1::2]
    allowed = {*(f"--{name}" for name in (*SCRIPT, *GLUE)), *known}
    for name in names:
        if not name.startswith("--"):
            raise WorkshopError(
                f"{name!r} is not the name of an argument.", "Pass arguments as --NAME VALUE"
            )
        if name not in allowed:
            raise WorkshopError(
                f"{name} is not an argument of the job or of Glue.", _suggestion(name, allowed)
            )
    if len(names) != len(values):
        raise WorkshopError(f"{names[-1]} has no value.", "Pass arguments as --NAME VALUE")
    arguments = dict(zip(names, values, strict=True))
    for name, option in SCRIPT.items():
        value = options.get(option)
        if value is None:
            continue
        if f"--{name}" in arguments:
            shown = option.replace("_", "-")
            raise WorkshopError(f"--{shown} and --{name} are the same argument.", "Use only one")
        arguments[f"--{name}"] = f"{value:%Y-%m-%d}" if isinstance(value, date) else str(value)
    return arguments


def _suggestion(name: str, allowed: Iterable[str]) -> str:
    options = [f"--{option.replace('_', '-')}" for option in SCRIPT.values() if option]
    spelled = {_plain(candidate): candidate for candidate in [*allowed, *options, *RUN]}
    close = difflib.get_close_matches(_plain(name), spelled, n=1)
    if close:
        return f"Did you mean {spelled[close[0]]}?"
    return f"Use one of {', '.join(options)}; or, to pass your own, add it to the job's parameters"


def _plain(name: str) -> str:
    return name.strip("-").lower().replace("_", "-")
