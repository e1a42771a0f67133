"""Running the job's own script, unchanged, on folders of this machine."""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workshop import deployment
from workshop.accounting import Log, cause_of
from workshop.errors import WorkshopError
from workshop.job_arguments import SCRIPT


@dataclass(frozen=True)
class Transformation:
    """A run of the script.

    Attributes:
        input_dir, output_dir: the folders of the logs and of the CSV.
        output, errors: what it printed.
        error: why it failed; empty if it did not.
    """

    input_dir: Path
    output_dir: Path
    output: Log
    errors: Log
    error: str

    def require_success(self) -> None:
        """Raise an error unless it succeeded.

        Raises:
            WorkshopError: it did not; the message is the script's, the details are its traceback.
        """
        if not self.error:
            return
        if str(self.output_dir.resolve()) in self.error or "No space left" in self.error:
            advice = f"Check {self.output_dir}, and the free space: df -h"
        elif any(name in self.error for name in SCRIPT):
            advice = "Correct that argument: workshop transform --help"
        else:
            advice = f"Check the files in {self.input_dir}"
        raise WorkshopError(
            f"The script failed: {cause_of(self.error)}",
            f"{advice}; add -v for the traceback",
            "\n".join(self.errors.tail),
        )


def run(
    input_dir: Path, output_dir: Path, arguments: Mapping[str, str], say: Callable[[str], None]
) -> Transformation:
    """Run the script, and wait until it has ended.

    Args:
        input_dir: a folder with Segment logs, .gz or plain.
        output_dir: the folder for the CSV; rejected records go to OUTPUT_DIR-rejected beside it.
        arguments: more arguments of the script, or others than these folders.
        say: called with each line that it prints.

    Raises:
        WorkshopError: there is no Java to run it with; or see `_require_places`.
    """
    from embedded_aws import spark  # noqa: PLC0415 - needs the development requirements

    spark.check_java()
    _require_places(input_dir, output_dir)
    words = {
        "--JOB_NAME": "transform",
        # As they are: Hadoop takes a URI's %20 for a part of the name.
        "--S3_JSON_INPUT_PATH": str(input_dir.resolve()),
        "--S3_CSV_OUTPUT_PATH": str(output_dir.resolve()),
        "--S3_REJECTED_PATH": f"{output_dir.resolve()}-rejected",
        **arguments,
    }
    output, errors = Log(), Log()

    def follow(stream: str, line: str) -> None:
        (output if stream == "output" else errors).add([line])
        say(line)

    finished = spark.ScriptRun(
        deployment.SCRIPT,
        [word for pair in words.items() for word in pair],
        python_files=[deployment.HELPER],
        log=follow,
    ).finish()
    return Transformation(input_dir, output_dir, output, errors, finished.error_message)


def _require_places(input_dir: Path, output_dir: Path) -> None:
    """Report now what would otherwise fail after Spark has started.

    Raises:
        WorkshopError: the CSV or what goes beside it cannot be written, or would be read as logs.
    """
    source = input_dir.resolve()
    for ending in ("", "-rejected", "-staging"):
        folder = Path(f"{output_dir.resolve()}{ending}")
        if folder.is_relative_to(source) or source.is_relative_to(folder):
            raise WorkshopError(
                f"The output {folder} and the input {source} are one folder, or one in the other.",
                "Choose a folder for the CSV that is neither in the input nor around it",
            )
        there = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
        try:
            tempfile.TemporaryDirectory(dir=there).cleanup()
        except OSError as error:
            raise WorkshopError(
                f"{folder} cannot be written: {there}: {error.strerror}",
                "Choose a folder for the CSV in which you may write",
            ) from error
