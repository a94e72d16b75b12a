"""The stream to a stage: tasks in, text out, for as long as the stage's lease lives."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Protocol

import grpc
import structlog

from node_agent.errors import PeerLost
from node_agent.proto import agent_pb2 as pb
from node_agent.proto import agent_pb2_grpc as rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from node_agent.orchestrator.registry import Announcement

_log = structlog.get_logger(__name__)

_FIRST_BACKOFF_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 2.0


class StreamListener(Protocol):
    """Who is told what happens on the streams; called on the event loop."""

    def stream_up(self, node: Announcement) -> None:
        """The node can take tasks."""

    def stream_down(self, node: Announcement) -> None:
        """The node's tasks are lost."""

    def stream_message(self, node: Announcement, message: pb.StageMessage) -> None:
        """The node said something about a task."""


def backoff_seconds(attempt: int, jitter: float) -> float:
    """Return how long to wait before trying again.

    Args:
        attempt: Failures in a row, from 1.
        jitter: Random in [0, 1): spreads the retries over the upper half of the wait.
    """
    doubled = _FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt - 1, 16)
    longest = min(_LONGEST_BACKOFF_SECONDS, doubled)
    return longest * (0.5 + jitter / 2)


class StageStream:
    """The Assign stream to one process of one node; dials again until closed.

    Args:
        node: Where to dial, and whose certificate must answer.
        dial: Opens a channel to a node.
        listener: Told of everything that happens.
        connect_seconds: Longest wait for a connection.
        jitter: Random numbers in [0, 1).
    """

    def __init__(
        self,
        node: Announcement,
        *,
        dial: Callable[[Announcement], grpc.aio.Channel],
        listener: StreamListener,
        connect_seconds: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.node = node
        self._dial = dial
        self._listener = listener
        self._connect_seconds = connect_seconds
        self._jitter = jitter
        self._outbox: asyncio.Queue[pb.OrchestratorMessage] | None = None
        self._retired = False
        self._closing = False
        self._failures = 0
        self._running = asyncio.create_task(self._run(), name=f"stage {node.name}")

    @property
    def connected(self) -> bool:
        """Whether tasks can be sent."""
        return self._outbox is not None

    @property
    def retired(self) -> bool:
        """Whether the stream only waits for its tasks to end."""
        return self._retired

    @property
    def done(self) -> bool:
        """Whether the stream has ended for good."""
        return self._running.done()

    def send(self, message: pb.OrchestratorMessage) -> None:
        """Queue a message to the stage.

        Raises:
            PeerLost: The stream is down.
        """
        if self._outbox is None:
            raise PeerLost(f"{self.node.name} is not connected")
        self._outbox.put_nowait(message)

    def retire(self) -> None:
        """Stay while the stage ends its tasks, but do not dial again."""
        self._retired = True
        if not self.connected:
            self.close()

    def close(self) -> None:
        """End the stream now; its tasks are lost."""
        # A second cancellation would interrupt the closing of the channel.
        if not self._closing:
            self._closing = True
            self._running.cancel()

    async def closed(self) -> None:
        """Wait until the stream has ended."""
        await asyncio.wait([self._running])

    async def _run(self) -> None:
        while not self._retired:
            reason = await self._converse()
            if self._retired:
                return
            self._failures += 1
            wait = backoff_seconds(self._failures, self._jitter())
            _log.warning(
                "stage stream down", stage=self.node.name, reason=reason, retry_seconds=wait
            )
            await asyncio.sleep(wait)

    async def _converse(self) -> str:
        """Hold one stream until it ends, and say why it did."""
        channel = self._dial(self.node)
        try:
            async with asyncio.timeout(self._connect_seconds):
                await channel.channel_ready()
            await self._exchange(channel)
        except TimeoutError:
            return f"no connection to {self.node.address} within {self._connect_seconds:g} s"
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
        finally:
            self._mark_down()
            await channel.close()
        return "the stage ended the stream"

    async def _exchange(self, channel: grpc.aio.Channel) -> None:
        outbox: asyncio.Queue[pb.OrchestratorMessage] = asyncio.Queue()
        stub = rpc.StageStub(channel)
        call = stub.Assign(_drain(outbox))
        self._outbox = outbox
        self._listener.stream_up(self.node)
        try:
            async for message in call:
                self._failures = 0
                self._listener.stream_message(self.node, message)
        finally:
            call.cancel()

    def _mark_down(self) -> None:
        if self._outbox is not None:
            self._outbox = None
            self._listener.stream_down(self.node)


async def _drain(
    outbox: asyncio.Queue[pb.OrchestratorMessage],
) -> AsyncIterator[pb.OrchestratorMessage]:
    while True:
        yield await outbox.get()
