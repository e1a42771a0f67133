"""The job that a script says it is."""

from collections.abc import Mapping

from .context import GlueContext


class Job:
    """Marks the beginning and the end of a job's work.

    Args:
        glue_context: the context of the script.
    """

    def __init__(self, glue_context: GlueContext) -> None:
        self._context = glue_context
        self._name: str | None = None

    def init(self, job_name: str, args: Mapping[str, str]) -> None:
        """Begin; without job bookmarks there is nothing to look up in the arguments."""
        del args
        self._name = job_name

    def commit(self) -> None:
        """End.

        Raises:
            RuntimeError: the job was not begun.
        """
        if self._name is None:
            raise RuntimeError("Job.commit() was called before Job.init()")
