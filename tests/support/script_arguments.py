"""The arguments of the job's script, as it reads them."""

import segment_io


def arguments(folder: object = "/data", **options: str) -> segment_io.Arguments:
    """The arguments of a run, checked."""
    named = {
        "JOB_NAME": "test",
        "S3_JSON_INPUT_PATH": f"{folder}/in",
        "S3_CSV_OUTPUT_PATH": f"{folder}/out",
        "S3_REJECTED_PATH": f"{folder}/rejected",
    } | options
    words = [word for name, value in named.items() for word in (f"--{name}", value)]
    return segment_io.arguments(["script", *words])
