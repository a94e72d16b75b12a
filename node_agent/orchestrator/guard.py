"""What every HTTP request passes first: a request id, a key, a bounded body, a caught error."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import traceback
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from node_agent.orchestrator import envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from node_agent.orchestrator.envelope import ApiError

_log = structlog.get_logger(__name__)

_PROBES = frozenset({"/livez", "/readyz"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestGuard:
    """ASGI middleware around the whole application.

    Args:
        app: What it guards.
        api_key_sha256: Hex digests of the keys that open /v1/.
        new_request_id: Names a request whose client did not.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        api_key_sha256: Sequence[str],
        new_request_id: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._digests = tuple(digest.lower() for digest in api_key_sha256)
        self._new_request_id = new_request_id
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_seconds = self._clock()
        exchange = _Exchange(scope, send, self._request_id(Headers(scope=scope)))
        try:
            await self._admit(exchange, receive)
        except Exception as error:  # noqa: BLE001 - the edge: a bug must not kill the connection
            await exchange.fail(error)
        finally:
            exchange.log(self._clock() - began_seconds)

    async def _admit(self, exchange: _Exchange, receive: Receive) -> None:
        refusal = self._refusal(exchange.scope)
        if refusal is None:
            await self._app(exchange.scope, _bounded(receive), exchange.send)
        else:
            await exchange.answer(refusal, receive)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        if scope["path"].startswith("/v1/") and not self._knows(headers.get("authorization", "")):
            return envelope.INVALID_KEY
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > envelope.BODY_LIMIT_BYTES:
            return envelope.TOO_LARGE
        return None

    def _knows(self, authorization: str) -> bool:
        scheme, _, key = authorization.partition(" ")
        digest = hashlib.sha256(key.strip().encode()).hexdigest()
        # Every digest is compared, so that the time taken tells nothing about which one matched.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return scheme.lower() == "bearer" and any(matches)

    def _request_id(self, headers: Headers) -> str:
        given = headers.get("x-request-id", "")
        return given if _REQUEST_ID.fullmatch(given) else self._new_request_id()


class _Exchange:
    """One request and what was answered."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self.scope = scope
        self.scope.setdefault("state", {})["request_id"] = request_id
        self._send = send
        self._request_id = request_id
        self._status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            MutableHeaders(scope=message)["X-Request-Id"] = self._request_id
        await self._send(message)

    async def answer(self, error: ApiError, receive: Receive) -> None:
        await error.response()(self.scope, receive, self.send)

    async def fail(self, error: Exception) -> None:
        # Messages and local values can hold a prompt: only the kind and the places are logged.
        _log.error(
            "request failed",
            request_id=self._request_id,
            error=type(error).__name__,
            where=[
                f"{frame.filename}:{frame.lineno} in {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ],
        )
        if self._status is None:
            await self.answer(envelope.INTERNAL, _nothing)

    def log(self, took_seconds: float) -> None:
        # Supervisors probe all day long.
        _log.log(
            logging.DEBUG if self.scope["path"] in _PROBES else logging.INFO,
            "request",
            request_id=self._request_id,
            method=self.scope["method"],
            path=self.scope["path"],
            status=self._status,
            milliseconds=round(took_seconds * 1000, 1),
        )


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _bounded(receive: Receive) -> Receive:
    """Count the body as it comes, for clients that do not say its length."""
    received_bytes = 0

    async def bounded() -> Message:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > envelope.BODY_LIMIT_BYTES:
            raise HTTPException(envelope.TOO_LARGE.status)
        return message

    return bounded
