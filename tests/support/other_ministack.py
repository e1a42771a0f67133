"""The embedded AWS on a MiniStack that is not the one it was made for.

Run: python -m tests.support.other_ministack FOLDER PORT
"""

import sys
from pathlib import Path

from embedded_aws import hooks, server


class OtherVersion(server.EmbeddedAws):
    """On another version, without a name that is hooked into."""

    module = "tests.support.other_ministack"


if __name__ == "__main__":
    hooks.VERSION = "9.9.9"
    vars(hooks.glue)["names"]["gone"] = "_gone"
    server.main(Path(sys.argv[1]), int(sys.argv[2]))
