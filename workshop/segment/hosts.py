"""Where Segment is: its documented hosts, or a server of this machine in its place.

Source: segment-docs, guides/regional-segment (events) and docs.segmentapis.com (Public API).
"""

from urllib.parse import urlsplit

from workshop.account import LOOPBACK
from workshop.errors import WorkshopError

TRACKING = {"api.segment.io": "US", "events.eu1.segmentapis.com": "EU"}
PUBLIC_API = {"api.segmentapis.com": "US", "eu1.api.segmentapis.com": "EU"}
APP = {"US": "https://app.segment.com", "EU": "https://eu1.app.segment.com"}
HERE = "this machine"


def on_this_machine(url: str) -> bool:
    """Whether a base URL is of a server of this machine."""
    return urlsplit(url).hostname in LOOPBACK


def resolve(host: str, documented: dict[str, str], option: str) -> tuple[str, str]:
    """Say what a host option means: a base URL without a trailing slash, and a region or HERE.

    A secret goes to every host that this accepts, so nothing else is accepted, and Segment only
    over HTTPS.

    Args:
        host: a name (`api.segment.io`) or a URL (`http://127.0.0.1:8000`).
        documented: regions by the names that Segment documents.
        option: the option's name, for the error.

    Raises:
        WorkshopError: it is neither Segment's nor this machine's.
    """
    url = urlsplit(host if "//" in host else f"https://{host}")
    try:
        port = url.port
    except ValueError:
        port = -1
    bare = not (url.path.strip("/") or url.query or url.fragment or url.username or url.password)
    if bare and url.scheme == "https" and port is None and url.hostname in documented:
        return f"https://{url.hostname}", documented[url.hostname]
    if bare and url.scheme == "http" and port not in (-1, None) and url.hostname in LOOPBACK:
        return f"http://{url.netloc}", HERE
    raise WorkshopError(
        f"{option} {host} is not one of Segment's hosts.",
        f"Use {' or '.join(f'{name} ({region})' for name, region in documented.items())}, or a "
        "test server on this machine (http://127.0.0.1:PORT)",
    )
