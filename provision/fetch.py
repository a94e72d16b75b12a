"""GET over HTTP with bounds on everything: silence, total time, size and attempts."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from infra.errors import ConfigError, PreflightError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx

T = TypeVar("T")

NOT_MODIFIED = 304
_OK = 200
_PLAIN = "identity"
_AGAIN = (429, 500, 502, 503, 504)
_LONGEST_PAUSE_SECONDS = 30.0
_GRACE_SECONDS = 0.2  # so that a silence up to the deadline is told as one


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may take.

    Attributes:
        timeout_seconds: Without a byte, until an attempt is given up.
        deadline_seconds: All attempts and the pauses between them.
        most_bytes: Of the answer.
        attempts: After 429, a server's error or a broken connection, with growing pauses; a
            `Retry-After` is kept up to half a minute.
    """

    timeout_seconds: float
    deadline_seconds: float
    most_bytes: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to get, and within which bounds.

    Attributes:
        url: Shown in errors: without secrets.
        headers: Sent along; never shown.
    """

    url: str
    limits: Limits
    headers: Mapping[str, str] | None = None


class Answer:
    """An answer whose body is still to be read.

    Attributes:
        status: 200 or 304.
        headers: By name, whatever its case.
    """

    def __init__(self, response: httpx.Response, request: Request, ends_at: float) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._request = request
        self._ends_at = ends_at

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it comes.

        Raises:
            RemoteError: It is too large, or takes too long however steadily it drips.
            httpx.HTTPError: The connection broke before the end.
        """
        url, limits, read = self._request.url, self._request.limits, 0
        # Raw, as nothing but `identity` was accepted: what is packed could unpack to any size.
        for chunk in self._response.iter_raw():
            read += len(chunk)
            if read > limits.most_bytes:
                raise RemoteError(f"{url}: answered more than {limits.most_bytes:,} bytes")
            if time.monotonic() > self._ends_at:
                raise RemoteError(f"{url}: took longer than {limits.deadline_seconds:g} s")
            yield chunk


def checked_base(url: str, name: str, *, what: str, hint: str) -> str:
    """Return the base of an address without its last slash.

    Args:
        url: As a person gave it.
        name: Of the setting, for the error.
        what: What the address is of, for the error.
        hint: What to give instead.

    Raises:
        ConfigError: It is no http(s) URL, or holds what may be a secret, which is not shown.
    """
    secret = any(mark in url for mark in "@?#")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        usable = False
    if not usable or secret:
        shown = "a URL with a user, a query or a fragment" if secret else f"'{url}'"
        raise ConfigError(f"{name} is {shown}: must be {what}, of http or https alone", hint=hint)
    return url.rstrip("/")


def fetch(request: Request) -> bytes:
    """Return the body of an answer, read to its end; a broken one is asked for again.

    Raises:
        RemoteError: No good answer within the limits; says the last reason.
        PreflightError: A package is missing.
    """
    ends_at = time.monotonic() + request.limits.deadline_seconds

    def whole() -> bytes:
        with _answered(request, ends_at) as answer:
            return b"".join(answer.chunks())

    with _told(request):
        return _retried(whole, request.limits, ends_at)


@contextmanager
def streamed(request: Request) -> Iterator[Answer]:
    """Open an answer to read it piece by piece; only the opening is tried again.

    Raises:
        RemoteError: No good answer within the limits, or its body broke off; says the last reason.
        PreflightError: A package is missing.
    """
    ends_at = time.monotonic() + request.limits.deadline_seconds
    with _told(request), ExitStack() as stack:
        yield _retried(
            lambda: stack.enter_context(_answered(request, ends_at)), request.limits, ends_at
        )


@contextmanager
def _answered(request: Request, ends_at: float) -> Iterator[Answer]:
    stack, response = _within(request, ends_at, lambda: _opened(request, ends_at))
    with stack:
        _check(request, response)
        yield Answer(response, request, ends_at)


def _within(request: Request, ends_at: float, act: Callable[[], T]) -> T:
    """Return what a function returns; leave it behind in its thread when time is over.

    Raises:
        RemoteError: It was not done before the deadline, however steadily headers drip.
    """
    outcomes: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()

    def run() -> None:
        try:
            outcomes.put((act(), None))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            outcomes.put((None, error))

    Thread(target=run, daemon=True).start()
    try:
        value, error = outcomes.get(timeout=max(ends_at - time.monotonic(), 0) + _GRACE_SECONDS)
    except Empty:
        limit = request.limits.deadline_seconds
        raise RemoteError(f"{request.url}: took longer than {limit:g} s") from None
    if error is not None:
        raise error
    return cast("T", value)


def _opened(request: Request, ends_at: float) -> tuple[ExitStack, httpx.Response]:
    import httpx

    left = max(0.001, ends_at - time.monotonic())
    timeout = min(request.limits.timeout_seconds, left)
    headers = {"user-agent": "qinfra", "accept-encoding": _PLAIN, **(request.headers or {})}
    try:
        with ExitStack() as stack:
            client = stack.enter_context(httpx.Client(timeout=timeout))
            response = stack.enter_context(client.stream("GET", request.url, headers=headers))
            return stack.pop_all(), response
    except (ImportError, OSError, ValueError) as error:  # a proxy, a certificate file, a host name
        raise RemoteError(f"{request.url}: cannot be asked: {error}") from error


def _check(request: Request, response: httpx.Response) -> None:
    import httpx

    conditional = any(name.lower() == "if-none-match" for name in request.headers or {})
    if response.status_code != _OK and not (conditional and response.status_code == NOT_MODIFIED):
        raise httpx.HTTPStatusError("", request=response.request, response=response)
    packed = response.headers.get("content-encoding", _PLAIN)
    if packed.strip().lower() != _PLAIN:
        raise RemoteError(f"{request.url}: answered in {packed}, which was not asked for")


def _retried(act: Callable[[], T], limits: Limits, ends_at: float) -> T:
    import httpx
    import stamina

    failures: list[httpx.HTTPError] = []

    def attempt() -> T:
        if failures and ends_at - time.monotonic() < limits.timeout_seconds / 4:
            raise failures[-1]  # the reason, not that too little time was left to try again
        try:
            return act()
        except httpx.HTTPError as error:
            failures.append(error)
            raise

    def again(error: Exception) -> float | bool:
        pause = _pause(error)
        too_long = not isinstance(pause, bool) and time.monotonic() + pause >= ends_at
        return False if too_long else pause

    stamina.instrumentation.set_on_retry_hooks([])  # they would write to stdout
    retry = stamina.retry(on=again, attempts=limits.attempts, timeout=limits.deadline_seconds)
    return retry(attempt)()


def _pause(error: Exception) -> float | bool:
    """Return how long to wait before the next attempt, whether to wait the usual time, or not."""
    import httpx

    if isinstance(error, httpx.TransportError):
        return not isinstance(error, httpx.UnsupportedProtocol)
    if not isinstance(error, httpx.HTTPStatusError) or error.response.status_code not in _AGAIN:
        return False
    asked = error.response.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_PAUSE_SECONDS) if asked.isdecimal() else True


@contextmanager
def _told(request: Request) -> Iterator[None]:
    """Say what went wrong in words."""
    try:
        import httpx
        import stamina
    except ImportError as error:
        raise PreflightError(
            f"{request.url}: to ask it takes {error.name}, which is not installed",
            hint="Run `pip install 'qinfra[deploy]'`.",
        ) from error
    del stamina
    try:
        yield
    except httpx.HTTPStatusError as error:
        status = f"{error.response.status_code} {error.response.reason_phrase}".strip()
        raise RemoteError(f"{request.url}: answered {status}") from error
    except httpx.TimeoutException as error:
        silence = request.limits.timeout_seconds
        raise RemoteError(f"{request.url}: no answer within {silence:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RemoteError(f"{request.url}: {str(error) or type(error).__name__}") from error
