"""The job: its own script, loaded once, its `main()` called as Glue would."""

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from pyspark import SparkContext

SCRIPT = Path(__file__).parents[2] / "glue_scripts" / "segment_events_to_csv.py"


def arguments(input_folder: Path, output: Path) -> list[str]:
    """What follows the script on its command line."""
    return [
        *("--JOB_NAME", "bench"),
        *("--S3_JSON_INPUT_PATH", input_folder.as_uri()),
        *("--S3_CSV_OUTPUT_PATH", (output / "transformed").as_uri()),
        *("--S3_REJECTED_PATH", (output / "rejected").as_uri()),
    ]


def transform(input_folder: Path, output: Path, *more: str) -> None:
    """Run the job; settings of this process's Spark win over those that the script makes.

    Args:
        input_folder: the raw logs.
        output: the folder above those of the CSV and of the rejected records.
        more: more arguments of the script, `--NAME value`.
    """
    script = _script()
    given = SparkContext.getOrCreate().getConf()
    settings = getattr(script, "SPARK_SETTINGS", {})
    settings.update({name: given.get(name) for name in settings if given.contains(name)})
    sys.argv = [str(SCRIPT), *arguments(input_folder, output), *more]
    script.main()


@cache
def _script() -> ModuleType:
    spec = spec_from_file_location("segment_events_to_csv", SCRIPT)
    if spec is None or spec.loader is None:
        raise ImportError(f"{SCRIPT} is no Python script")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
