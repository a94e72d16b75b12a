"""A node's life beside its work: registering, renewing its lease, and leaving."""

from __future__ import annotations

import queue
import signal
import threading
import time
from typing import TYPE_CHECKING

import grpc
import structlog

from node_agent import tls
from node_agent.proto import agent_pb2 as pb
from node_agent.proto.agent_pb2_grpc import RegistryStub

if TYPE_CHECKING:
    from collections.abc import Callable

    from node_agent.config import Peer, Timing, Tls

_RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
log = structlog.get_logger()


class Membership:
    """Keeps this node registered with one orchestrator, from a thread of its own.

    A heartbeat that fails is repeated; a registration that is refused is logged and repeated too,
    since the orchestrator may be of the next configuration already.

    Args:
        orchestrator: Where to register.
        identity: This node's PEM files.
        description: What this node is.
        health: Gives the heartbeat's content.
        timing: Heartbeat interval and connect deadline.
    """

    def __init__(
        self,
        orchestrator: Peer,
        identity: Tls,
        description: pb.NodeDescription,
        health: Callable[[], pb.HealthCheck],
        timing: Timing,
    ) -> None:
        self._orchestrator = orchestrator
        self._description = description
        self._health = health
        self._timing = timing
        self._leaving = threading.Event()
        self._reason = ""
        self._channel = grpc.secure_channel(
            orchestrator.address,
            tls.channel_credentials(identity),
            options=tls.channel_options(orchestrator.name),
        )
        self._stub = RegistryStub(self._channel)
        self._lease_until = 0.0
        self._thread = threading.Thread(
            target=self._keep, name=f"member-{orchestrator.name}", daemon=True
        )

    @property
    def registered(self) -> bool:
        """Whether the lease holds now."""
        return time.monotonic() < self._lease_until

    def start(self) -> None:
        """Begin to register."""
        self._thread.start()

    def leave(self, reason: str = "") -> None:
        """Begin to withdraw, so that no new task comes; the orchestrator's log says why."""
        self._reason = reason
        self._leaving.set()

    def wait_left(self) -> None:
        """Wait until the orchestrator knows; one that is gone is given a heartbeat's time."""
        self._thread.join(timeout=2 * self._timing.heartbeat_seconds)
        self._lease_until = 0.0

    def close(self) -> None:
        """Close the channel."""
        self._leaving.set()
        self._channel.close()

    def _keep(self) -> None:
        failures = 0
        while not self._leaving.is_set():
            try:
                self._renew()
            except grpc.RpcError as error:
                pause = _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]
                if failures == 0:
                    log.warning(
                        "not registered", peer=self._orchestrator.name, reason=error.details()
                    )
                failures += 1
            else:
                failures, pause = 0, self._timing.heartbeat_seconds
            self._leaving.wait(pause)
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        request = pb.LeaveRequest(
            name=self._description.name,
            instance=self._description.instance,
            reason=self._reason,
        )
        try:
            self._stub.Leave(request, timeout=self._timing.heartbeat_seconds)
        except (grpc.RpcError, ValueError) as error:  # ValueError: the channel is closed already
            log.info("left without a word", peer=self._orchestrator.name, reason=str(error)[:200])

    def _renew(self) -> None:
        sent = time.monotonic()
        if self.registered:
            try:
                lease = self._stub.Heartbeat(self._health(), timeout=self._timing.heartbeat_seconds)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    self._lease_until = 0.0  # register again at once
                    self._renew()
                    return
                raise
        else:
            lease = self._stub.Register(self._description, timeout=self._timing.connect_seconds)
            log.info("registered", peer=self._orchestrator.name, generation=int(lease.generation))
        self._lease_until = sent + lease.ttl_seconds


class Ending:
    """What ends this process: the first of SIGTERM, SIGINT and `ask`; later ones are ignored."""

    def __init__(self) -> None:
        self._reasons: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask(self, reason: str) -> None:
        """End the process in good order; from any thread."""
        self._reasons.put(reason)

    def wait(self) -> str:
        """Wait in the main thread, and return the signal's name or the reason given."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: self.ask(signal.Signals(number).name))
        return self._reasons.get()
