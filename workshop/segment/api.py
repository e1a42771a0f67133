"""Segment's Public API over HTTP, as far as a workspace's sources and destinations need it.

Source: docs.segmentapis.com; paths, queries and bodies are those of Segment's own SDK (npm
@segment/public-api-sdk-typescript), which the tests hold them against.
"""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import tenacity

from workshop import console
from workshop.errors import WorkshopError
from workshop.segment import hosts
from workshop.segment.credentials import FOLDER, TOKEN, hide

PAGE = 200  # of the 1,000 that the API gives at most
TRIES = 6
LONGEST_WAIT = 120.0  # seconds; the lowest documented limit is 60 requests a minute
Thing = dict[str, Any]


class ApiError(WorkshopError):
    """The API said no, or nothing.

    Attributes:
        status: the HTTP status; None when no answer came, and the request may have been done.
    """

    def __init__(self, message: str, next_step: str, status: int | None) -> None:
        super().__init__(message, next_step)
        self.status = status


class _TryAgainError(Exception):
    """It can be tried again, in `after` seconds if the API said so."""

    def __init__(self, error: ApiError, after: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.after = after


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _TryAgainError) and error.after is not None:
        return min(error.after, LONGEST_WAIT)
    return float(tenacity.wait_random_exponential(multiplier=0.5, max=30)(state))


def _say_wait(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0
    console.progress.print(f"{error} Trying again in {wait:.0f} s.", markup=False)


def checked_id(value: object) -> str:
    """Return an id that the API or a file has given, which becomes part of a URL or a file's name.

    Raises:
        WorkshopError: it has other characters than ids have.
    """
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9_-]{1,64}", value):
        raise WorkshopError(
            f"{str(value)[:100]!r} is not a valid id.",
            f"Check --api-host and the files in {FOLDER / 'workspaces'}",
        )
    return value


class PublicApi:
    """A client for one token, and so for one workspace."""

    def __init__(self, url: str, token: str, timeout: float = 30) -> None:
        self._token = token
        self._client = httpx.Client(
            base_url=url,
            headers={"Accept": "application/json", "Authorization": f"Bearer {token}"},
            timeout=timeout,
            # A proxy would get the token of a request to this machine in clear text.
            trust_env=not hosts.on_this_machine(url),
        )

    def call(
        self, method: str, path: str, body: Thing | None = None, query: Thing | None = None
    ) -> Thing:
        """Make a request and return the answer's `data`.

        What the API puts off (429) is tried again when it says; what may have been done already
        is tried again only where that does no harm.

        Raises:
            ApiError: the API refused it, or did not answer.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_TryAgainError),
            stop=tenacity.stop_after_attempt(TRIES),
            wait=_wait,
            before_sleep=_say_wait,
            reraise=True,
        )
        try:
            return retrying(self._once, method, path, body, query)
        except _TryAgainError as error:
            raise error.error from None

    def pages(self, path: str, name: str) -> Iterator[Thing]:
        """Yield every item of a list, page after page."""
        query: Thing = {"pagination[count]": PAGE}
        while True:
            data = self.call("GET", path, query=query)
            yield from data[name]
            following = data["pagination"].get("next")
            if not following:
                return
            query["pagination[cursor]"] = following

    def _once(self, method: str, path: str, body: Thing | None, query: Thing | None) -> Thing:
        where = f"{method} {path}"
        repeatable = method != "POST"
        try:
            answer = self._client.request(method, path, json=body, params=query)
        except httpx.HTTPError as error:
            failure = self._silent(where, error)
            if repeatable or isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
                raise _TryAgainError(failure) from None
            raise failure from None
        if answer.is_success:
            try:
                return dict(answer.json()["data"])
            except (ValueError, KeyError, TypeError):
                raise ApiError(
                    f"{where} did not answer as the Public API does.",
                    "Check --api-host",
                    answer.status_code,
                ) from None
        failure = self._refused(where, answer)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise _TryAgainError(failure, _seconds(answer))
        if answer.is_server_error and repeatable:
            raise _TryAgainError(failure)
        raise failure

    def _silent(self, where: str, error: httpx.HTTPError) -> ApiError:
        reason = hide(str(error), [self._token]).rstrip(".") or type(error).__name__
        return ApiError(
            f"{self._client.base_url.host} gave no answer to {where}: {reason}.",
            "Check the network, then run it again",
            None,
        )

    def _refused(self, where: str, answer: httpx.Response) -> ApiError:
        status = answer.status_code
        said = hide(_said(answer), [self._token])
        if status == httpx.codes.UNAUTHORIZED:
            return ApiError(
                f"Segment does not accept the token: {said}",
                f"Set {TOKEN} to a Public API token of the workspace (Settings, Access Management, "
                "Tokens); an EU workspace's needs --api-host eu1.api.segmentapis.com",
                status,
            )
        if status == httpx.codes.FORBIDDEN:
            return ApiError(
                f"The token may not {where}: {said}",
                "Create a Public API token with the role Workspace Owner",
                status,
            )
        return ApiError(
            f"Segment refused {where} ({status}): {said}", "See docs.segmentapis.com", status
        )


def _said(answer: httpx.Response) -> str:
    """Put into words what the API says of an error."""
    try:
        errors = answer.json()["errors"]
        return "; ".join(
            " ".join(str(error[key]) for key in ("field", "message", "type") if error.get(key))
            for error in errors
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.reason_phrase or "no reason given"


def _seconds(answer: httpx.Response) -> float | None:
    """How long to wait, if the API says."""
    for name in ("Retry-After", "X-RateLimit-Reset"):
        try:
            return max(0.0, float(answer.headers[name]))
        except (KeyError, ValueError):
            continue
    return None
