"""The waiting room: tasks get a seat in a pipeline in the order they came."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node_agent.errors import DeadlineExceeded
from node_agent.orchestrator.errors import Draining, NoPipeline, Overloaded
from node_agent.orchestrator.slots import choose, retry_after_seconds, total_slots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from node_agent.orchestrator.pipelines import Pipeline
    from node_agent.orchestrator.registry import NodeKey

_ASSUMED_SERVICE_SECONDS = 2.0
# How much the newest task weighs in the mean, so that ten tasks forget the past.
_NEWEST_SHARE = 0.2


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """One slot in every stage of a pipeline, held until released."""

    pipeline: Pipeline
    taken_at_seconds: float
    _room: WaitingRoom
    _held: bool = True

    def release(self) -> None:
        """Give the slot back; the second time does nothing."""
        if self._held:
            self._held = False
            self._room.vacate(self)


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiter:
    avoid: AbstractSet[str]
    seat: asyncio.Future[Seat] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class WaitingRoom:
    """Hands out seats, first come first served.

    Args:
        pipelines: Returns those that can take tasks now.
        max_waiting: Tasks that may wait at once.
        clock: Monotonic seconds; the same clock as `asyncio` uses for deadlines.
    """

    def __init__(
        self,
        pipelines: Callable[[], tuple[Pipeline, ...]],
        *,
        max_waiting: int,
        clock: Callable[[], float],
    ) -> None:
        self._pipelines = pipelines
        self._max_waiting = max_waiting
        self._clock = clock
        self._line: deque[_Waiter] = deque()
        self._load: Counter[NodeKey] = Counter()
        self._active: Counter[str] = Counter()
        self._service_seconds = _ASSUMED_SERVICE_SECONDS
        self._closed = False

    @property
    def waiting(self) -> int:
        """Tasks in line."""
        return len(self._line)

    @property
    def load(self) -> Mapping[NodeKey, int]:
        """Tasks each node is busy with."""
        return self._load

    @property
    def active(self) -> Mapping[str, int]:
        """Tasks each pipeline is busy with, by its id."""
        return self._active

    @property
    def closed(self) -> bool:
        """Whether nobody new is let in."""
        return self._closed

    async def enter(self, *, until_seconds: float) -> Seat:
        """Wait for a seat.

        Args:
            until_seconds: On the room's clock.

        Raises:
            Draining: The room is closed.
            NoPipeline: There is none to wait for.
            Overloaded: The line is full.
            DeadlineExceeded: No seat in time.
        """
        if self._closed:
            raise Draining("the orchestrator is shutting down")
        if not self._pipelines():
            raise NoPipeline("no pipeline is ready: not every layer of the model has a ready node")
        if not self._line and (pipeline := choose(self._pipelines(), self._load)):
            return self._take(pipeline)
        if len(self._line) >= self._max_waiting:
            raise Overloaded(
                f"{len(self._line)} requests are waiting already",
                retry_after_seconds=self.retry_after_seconds(),
            )
        waiter = _Waiter(avoid=frozenset())
        self._line.append(waiter)
        return await self._seated(waiter, until_seconds)

    async def enter_again(self, *, until_seconds: float, avoid: AbstractSet[str]) -> Seat:
        """Wait at the head of the line: for a task whose pipeline turned it away.

        Args:
            until_seconds: On the room's clock.
            avoid: Ids of pipelines to take only when no other is free.

        Raises:
            DeadlineExceeded: No seat in time.
        """
        waiter = _Waiter(avoid=avoid)
        self._line.appendleft(waiter)
        self.serve()
        return await self._seated(waiter, until_seconds)

    def serve(self) -> None:
        """Seat those who wait, as far as there is room; call when pipelines change."""
        while self._line:
            pipeline = choose(self._pipelines(), self._load, self._line[0].avoid)
            if pipeline is None:
                return
            waiter = self._line.popleft()
            if not waiter.seat.done():
                waiter.seat.set_result(self._take(pipeline))

    def vacate(self, seat: Seat) -> None:
        """Take a seat back; seats call this when they are released."""
        for node in seat.pipeline.stages:
            self._load[node.key] -= 1
        self._active[seat.pipeline.id] -= 1
        # Unary plus drops the zeros: keys of processes long gone must not pile up.
        self._load, self._active = +self._load, +self._active
        took = self._clock() - seat.taken_at_seconds
        self._service_seconds += _NEWEST_SHARE * (took - self._service_seconds)
        self.serve()

    def close(self) -> None:
        """Let nobody new in; those in line are still seated."""
        self._closed = True

    def dismiss(self) -> None:
        """Send everyone in line away with Draining."""
        for waiter in self._line:
            if not waiter.seat.done():
                waiter.seat.set_exception(Draining("the orchestrator is shutting down"))
        self._line.clear()

    def retry_after_seconds(self) -> int:
        """Return when a new task is likely to find a place."""
        return retry_after_seconds(
            waiting=len(self._line),
            slots=total_slots(self._pipelines()),
            service_seconds=self._service_seconds,
        )

    def _take(self, pipeline: Pipeline) -> Seat:
        self._load.update(node.key for node in pipeline.stages)
        self._active[pipeline.id] += 1
        return Seat(pipeline=pipeline, taken_at_seconds=self._clock(), _room=self)

    async def _seated(self, waiter: _Waiter, until_seconds: float) -> Seat:
        left = until_seconds - self._clock()
        try:
            async with asyncio.timeout(max(0.0, left)):
                return await waiter.seat
        except TimeoutError as error:
            self._give_up(waiter)
            raise DeadlineExceeded("no slot became free in time") from error
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise

    def _give_up(self, waiter: _Waiter) -> None:
        """Leave the line; hand on a seat that came in the very moment of giving up."""
        if waiter in self._line:
            self._line.remove(waiter)
        elif waiter.seat.done() and not waiter.seat.cancelled():
            waiter.seat.result().release()
