"""Where Segment takes events: its documented hosts, or a server of this machine in their place.

Source: segment-docs, guides/regional-segment.
"""

from urllib.parse import urlsplit

from workshop.account import LOOPBACK
from workshop.errors import WorkshopError

TRACKING = {"api.segment.io": "US", "events.eu1.segmentapis.com": "EU"}


def resolve(host: str) -> tuple[str, str]:
    """Read --host: return a base URL without a trailing slash, and where that is.

    Write keys go to every host that this accepts, so nothing else is accepted, and Segment only
    over HTTPS.

    Args:
        host: a name (`api.segment.io`) or a URL (`http://127.0.0.1:8000`).

    Raises:
        WorkshopError: it is neither Segment's nor this machine's.
    """
    url = urlsplit(host if "//" in host else f"https://{host}")
    try:
        port = url.port
    except ValueError:
        port = -1
    bare = not (url.path.strip("/") or url.query or url.fragment or url.username or url.password)
    if bare and url.scheme == "https" and port is None and url.hostname in TRACKING:
        return f"https://{url.hostname}", TRACKING[url.hostname]
    if bare and url.scheme == "http" and port not in (-1, None) and url.hostname in LOOPBACK:
        return f"http://{url.netloc}", "this machine"
    raise WorkshopError(
        f"--host {host} is not a Segment host.",
        f"Use {' or '.join(f'{name} ({region})' for name, region in TRACKING.items())}, or a "
        "test server on this machine (http://127.0.0.1:PORT)",
    )
