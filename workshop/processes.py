"""What a process that is started here gets of its parent's environment."""

import os

# Where programs, the home folder and temporary files are, and how text is written. Everything else
# of a terminal may be a secret, and a job's script or a Lambda function is somebody's code.
_NAMES = ("HOME", "JAVA_HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR", "TZ")


def inherited_environment() -> dict[str, str]:
    """The variables that are handed on."""
    return {name: os.environ[name] for name in _NAMES if name in os.environ}
