"""Turns a task's events into an HTTP answer, and a client that leaves into an end of the task."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, TypeVar

import structlog
from starlette.responses import JSONResponse, Response, StreamingResponse

from node_agent.errors import StageFault, TaskError
from node_agent.orchestrator import envelope
from node_agent.orchestrator.responses import DONE, Reply, server_sent
from node_agent.orchestrator.tasks import Accepted, Delta, Event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine
    from typing import Any

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from node_agent.orchestrator.tasks import Finish, Timings

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

# nginx's word for a client that left before its answer; only logs ever show it.
_CLIENT_LEFT = 499


async def whole(events: AsyncGenerator[Event, None], reply: Reply, request: Request) -> Response:
    """Answer once the text is complete; a client that leaves ends the task.

    Raises:
        TaskError: The task failed.
    """
    async with aclosing(events):
        answer = await _unless_client_leaves(request, _gathered(events, reply, request))
    return Response(status_code=_CLIENT_LEFT) if answer is None else JSONResponse(answer)


async def stream(events: AsyncGenerator[Event, None], reply: Reply, request: Request) -> Response:
    """Answer with server-sent events as soon as the stages have taken the task.

    Raises:
        TaskError: No stage took it; later failures are events of the stream.
    """
    try:
        accepted = await _unless_client_leaves(request, _accepted(events))
    except BaseException:
        await events.aclose()
        raise
    if accepted is None:
        await events.aclose()
        return Response(status_code=_CLIENT_LEFT)
    return _EventStream(_spoken(events, accepted, reply, request.state.request_id), events)


class _EventStream(StreamingResponse):
    """Closes the task's events when the client leaves, rather than whenever they are collected."""

    media_type = "text/event-stream"

    def __init__(
        self, body: AsyncGenerator[bytes, None], events: AsyncGenerator[Event, None]
    ) -> None:
        super().__init__(body, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._body = body
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events), aclosing(self._body):
            await super().__call__(scope, receive, send)


async def _spoken(
    events: AsyncGenerator[Event, None], accepted: Accepted, reply: Reply, request_id: str
) -> AsyncGenerator[bytes, None]:
    yield server_sent(reply.opening())
    try:
        async for event in events:
            if not isinstance(event, Delta):
                continue
            if event.text:
                yield server_sent(reply.piece(event.text))
            if event.finish and event.timings:
                _log_answer(accepted, event.timings, event.finish, request_id)
                for chunk in reply.closing(event.finish, accepted, event.timings):
                    yield server_sent(chunk)
                yield DONE
    except TaskError as error:
        log_failure(error, request_id)
        yield server_sent(envelope.of_task(error).envelope())


async def _accepted(events: AsyncGenerator[Event, None]) -> Accepted:
    first = await anext(events)
    if isinstance(first, Accepted):
        return first
    raise StageFault("text came before the task was accepted")


async def _gathered(
    events: AsyncGenerator[Event, None], reply: Reply, request: Request
) -> dict[str, Any]:
    accepted = await _accepted(events)
    pieces: list[str] = []
    async for event in events:
        if isinstance(event, Delta):
            pieces.append(event.text)
            if event.finish and event.timings:
                _log_answer(accepted, event.timings, event.finish, request.state.request_id)
                return reply.completion("".join(pieces), event.finish, accepted, event.timings)
    raise StageFault("the text has no end")


async def _unless_client_leaves(request: Request, work: Coroutine[Any, Any, _T]) -> _T | None:
    """Do the work; stop and return None when the client closes its connection before the end."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_client_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        for task in (working, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError, TaskError):
                await task


async def _client_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def log_failure(error: TaskError, request_id: str) -> None:
    """Note why a request was not served; a stage's fault with its own words."""
    detail = {"detail": str(error)} if isinstance(error, StageFault) else {}
    _log.warning("not served", request_id=request_id, error=type(error).__name__, **detail)


def _log_answer(accepted: Accepted, timings: Timings, finish: Finish, request_id: str) -> None:
    _log.info(
        "served",
        request_id=request_id,
        pipeline=accepted.pipeline,
        prompt_tokens=accepted.prompt_tokens,
        tokens=timings.tokens,
        finish=finish,
        queue_ms=round(timings.queue_seconds * 1000, 1),
        ttft_ms=round(timings.ttft_seconds * 1000, 1),
        tokens_per_second=round(timings.tokens_per_second, 1),
    )
