"""The fleet as it is now: leases, the streams they justify, and the pipelines they allow."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from node_agent.errors import PeerLost
from node_agent.orchestrator.pipelines import Formation, advance, form_pipelines
from node_agent.orchestrator.stages import StageStream

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc

    from node_agent.orchestrator.pipelines import Pipeline
    from node_agent.orchestrator.registry import (
        Announcement,
        LeaseTable,
        NodeKey,
        NodeRecord,
        Vitals,
    )
    from node_agent.proto import agent_pb2 as pb

_log = structlog.get_logger(__name__)

_EXPIRY_CHECKS_PER_LEASE = 10


class FleetListener(Protocol):
    """Who is told of changes in the fleet; called on the event loop."""

    def pipelines_changed(self) -> None:
        """There are other pipelines than before."""

    def node_lost(self, node: Announcement) -> None:
        """The node's tasks are lost."""

    def node_said(self, node: Announcement, message: pb.StageMessage) -> None:
        """The node said something about a task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """What a fleet needs to know.

    Attributes:
        orchestrator: Name that begins each pipeline's id.
        layers: Of the model.
        first_epoch: Above every epoch an earlier process of this orchestrator gave out.
        connect_seconds: Longest wait for a connection to a stage.
    """

    orchestrator: str
    layers: int
    first_epoch: int
    connect_seconds: float


class Fleet:
    """Keeps streams to the nodes with a lease, and forms pipelines of those that answer.

    Args:
        settings: See there.
        table: The leases.
        dial: Opens a channel to a node.
    """

    def __init__(
        self,
        settings: FleetSettings,
        table: LeaseTable,
        dial: Callable[[Announcement], grpc.aio.Channel],
    ) -> None:
        self._settings = settings
        self._table = table
        self._dial = dial
        self._streams: dict[NodeKey, StageStream] = {}
        self._ending: list[StageStream] = []
        self._formation = Formation(last_epoch=settings.first_epoch)
        self._listener: FleetListener | None = None

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """Those that can take tasks now."""
        return self._formation.pipelines

    def records(self) -> tuple[NodeRecord, ...]:
        """Return the nodes whose lease runs, by name."""
        return self._table.records()

    def seconds_left(self, record: NodeRecord) -> float:
        """Return how long a node's lease still runs."""
        return self._table.seconds_left(record)

    def connected(self, node: Announcement) -> bool:
        """Whether tasks can be sent to the node."""
        stream = self._streams.get(node.key)
        return stream is not None and stream.connected

    def listen(self, listener: FleetListener) -> None:
        """Tell `listener` of every change from now on."""
        self._listener = listener

    def register(self, node: Announcement) -> NodeRecord:
        """Give a node a lease and dial it; a ghost of the same name is cut off."""
        record = self._table.register(node)
        _log.info(
            "node registered",
            peer=node.name,
            instance=node.instance,
            generation=record.generation,
            layers=[node.first_layer, node.end_layer],
        )
        self._reconcile()
        return record

    def heartbeat(self, key: NodeKey, vitals: Vitals) -> NodeRecord | None:
        """Renew a node's lease; None when it must register again."""
        return self._table.heartbeat(key, vitals)

    def leave(self, key: NodeKey, reason: str = "") -> bool:
        """Give a node no new task, but let it end those it has; False when it is unknown."""
        record = self._table.leave(key)
        if record is None:
            return False
        _log.info("node left", peer=record.node.name, reason=reason)
        self._streams[key].retire()
        self._reconcile()
        return True

    def send(self, node: Announcement, message: pb.OrchestratorMessage) -> None:
        """Queue a message to a node.

        Raises:
            PeerLost: It is not connected.
        """
        stream = self._streams.get(node.key)
        if stream is None:
            raise PeerLost(f"{node.name} is not connected")
        stream.send(message)

    async def watch_leases(self) -> None:
        """Remove nodes whose lease has run out, for ever."""
        while True:
            await asyncio.sleep(self._table.lease_seconds / _EXPIRY_CHECKS_PER_LEASE)
            for record in self._table.expire():
                _log.warning("lease expired", peer=record.node.name, instance=record.node.instance)
            self._reconcile()

    async def close(self) -> None:
        """End every stream."""
        streams = (*self._streams.values(), *self._ending)
        for stream in streams:
            stream.close()
        for stream in streams:
            await stream.closed()

    def stream_up(self, node: Announcement) -> None:
        """A stream is there: its node may serve."""
        _log.info("stage connected", peer=node.name)
        self._reconcile()

    def stream_down(self, node: Announcement) -> None:
        """A stream is gone: its tasks are, too."""
        self._reconcile()
        if self._listener:
            self._listener.node_lost(node)

    def stream_message(self, node: Announcement, message: pb.StageMessage) -> None:
        """Hand a stage's word on."""
        if self._listener:
            self._listener.node_said(node, message)

    def _reconcile(self) -> None:
        leased = {record.node.key: record.node for record in self._table.records()}
        self._drop_streams(leased)
        for key, node in leased.items():
            if key not in self._streams:
                self._streams[key] = self._open(node)
        ready = [node for node in leased.values() if self.connected(node)]
        formed = form_pipelines(
            ready, self._settings.layers, orchestrator=self._settings.orchestrator
        )
        self._adopt(advance(self._formation, formed))

    def _drop_streams(self, leased: dict[NodeKey, Announcement]) -> None:
        """Close the streams no lease justifies, save those of nodes that end their tasks."""
        for key, stream in tuple(self._streams.items()):
            justified = stream.retired or stream.node == leased.get(key)
            if justified and not stream.done:
                continue
            stream.close()
            del self._streams[key]
            self._ending = [other for other in self._ending if not other.done] + [stream]

    def _open(self, node: Announcement) -> StageStream:
        return StageStream(
            node,
            dial=self._dial,
            listener=self,
            connect_seconds=self._settings.connect_seconds,
        )

    def _adopt(self, formation: Formation) -> None:
        if formation.pipelines == self._formation.pipelines:
            return
        self._formation = formation
        _log.info("pipelines formed", pipelines=[f"{p.id}@{p.epoch}" for p in formation.pipelines])
        if self._listener:
            self._listener.pipelines_changed()
