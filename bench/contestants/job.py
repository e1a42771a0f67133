"""The job: its own script, loaded once, its `main()` called as Glue would."""

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from pyspark import SparkContext

SCRIPT = Path(__file__).parents[2] / "glue_scripts" / "segment_events_to_csv.py"
HELPER = SCRIPT.with_name("segment_io.py")


def arguments(input_folder: Path, output: Path) -> list[str]:
    """What follows the script on its command line."""
    return [
        *("--JOB_NAME", "bench"),
        *("--S3_JSON_INPUT_PATH", str(input_folder)),
        *("--S3_CSV_OUTPUT_PATH", str(output / "transformed")),
        *("--S3_REJECTED_PATH", str(output / "rejected")),
    ]


def transform(input_folder: Path, output: Path, *more: str) -> None:
    """Run the job; settings of this process's Spark win over those that the script makes.

    Args:
        input_folder: the raw logs.
        output: the folder above those of the CSV and of the rejected records.
        more: more arguments of the script, `--NAME value`.
    """
    script, helper = _modules()
    given = SparkContext.getOrCreate().getConf()
    settings = getattr(helper, "SPARK_SETTINGS", {})
    settings.update({name: given.get(name) for name in settings if given.contains(name)})
    sys.argv = [str(SCRIPT), *arguments(input_folder, output), *more]
    script.main()


@cache
def _modules() -> tuple[ModuleType, ModuleType]:
    """The script, and the module that Glue gets by `--extra-py-files`."""
    sys.path.insert(0, str(SCRIPT.parent))
    return import_module(SCRIPT.stem), import_module(HELPER.stem)
