"""Runs an orchestrator: wires the parts, waits for a signal, drains."""

from __future__ import annotations

import asyncio
import math
import os
import random
import secrets
import signal
import time
import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import grpc
import psutil
import structlog

from node_agent import tls
from node_agent.cloud.cloudwatch import publisher_of
from node_agent.cloud.notices import watch_of
from node_agent.errors import AgentError
from node_agent.notify import Notifier
from node_agent.orchestrator.cluster import cluster_view
from node_agent.orchestrator.dispatch import Dispatcher
from node_agent.orchestrator.fleet import Fleet, FleetSettings
from node_agent.orchestrator.gateway import create_app
from node_agent.orchestrator.listeners import GatewayListener, RegistryListener
from node_agent.orchestrator.registrar import Registrar
from node_agent.orchestrator.registry import LeaseTable
from node_agent.orchestrator.slots import queue_depth_per_slot, total_slots
from node_agent.orchestrator.tasks import task_numbers
from node_agent.telemetry.status import Readiness, StatusServer
from node_agent.version import agent_version

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from node_agent.config import Gateway, NodeConfig
    from node_agent.orchestrator.registry import Announcement
    from node_agent.orchestrator.tasks import Event, Job

_log = structlog.get_logger(__name__)

# Time for the last words to reach clients whose requests were cut off.
_FAREWELL_SECONDS = 1.0
# How often a drain looks whether the machine is taken back meanwhile.
_LOOK_SECONDS = 1.0
_UNWATCHED_SECONDS = 60.0


def run(config: NodeConfig) -> None:
    """Serve until SIGTERM or SIGINT, drain, and return.

    Raises:
        AgentError: A port is taken, or the TLS identity cannot be read.
    """
    asyncio.run(_until_signalled(config))


async def _until_signalled(config: NodeConfig) -> None:
    signalled = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled.set)
    orchestrator = Orchestrator(config)
    try:
        await orchestrator.start()
        orchestrator.notifier.ready()
        await orchestrator.serve_until(signalled)
        orchestrator.notifier.stopping()
        await orchestrator.drain()
    finally:
        await orchestrator.close()


class Orchestrator:
    """One orchestrator: registry, fleet, dispatcher, gateway and status on one event loop.

    Args:
        config: Of a node whose role is orchestrator.
    """

    def __init__(self, config: NodeConfig) -> None:
        self._config = config
        self._gateway_config = _gateway_of(config)
        self._instance = uuid.uuid4().hex
        self._version = agent_version()
        self.notifier = Notifier.from_environment()
        self.fleet = Fleet(
            FleetSettings(
                orchestrator=config.node.name,
                layers=config.model.layers,
                # Seconds since 1970 grow faster than pipelines are re-formed, so that epochs of
                # this process lie above those of any earlier one.
                first_epoch=int(time.time()),
                connect_seconds=config.timing.connect_seconds,
            ),
            LeaseTable(lease_seconds=self._gateway_config.lease_seconds, clock=time.monotonic),
            _dialler(config),
        )
        self.dispatcher = Dispatcher(
            self.fleet,
            max_waiting=self._gateway_config.max_waiting,
            clock=time.monotonic,
            task_numbers=task_numbers(secrets.randbits(32)),
            jitter=random.random,
        )
        self.fleet.listen(self.dispatcher)
        self.notices = watch_of(config.cloud)
        self._publisher = publisher_of(
            config.cloud, config.node.deployment, self.queue_depth_per_slot
        )
        self._registry = self._registry_listener()
        self._gateway = GatewayListener(
            create_app(self, gateway=self._gateway_config, model=config.model),
            self._gateway_config.host,
            self._gateway_config.port,
        )
        self._status = StatusServer(
            config.listen.host,
            config.listen.status_port,
            tls.http_server_context(config.tls),
            self.readiness,
            self._details,
        )
        self._running: list[asyncio.Task[None]] = []
        self._opened = AsyncExitStack()

    async def start(self) -> None:
        """Open every listener; `close` undoes what was done, even after an error.

        Raises:
            AgentError: A port is taken.
        """
        opened = self._opened
        opened.push_async_callback(self.fleet.close)
        bound = opened.enter_context(self._gateway.bind())
        opened.push_async_callback(self._registry.stop)
        await self._registry.start()
        await asyncio.to_thread(self._status.start)
        opened.push_async_callback(asyncio.to_thread, self._status.stop)
        if self._publisher is not None:
            self._publisher.start()
            opened.callback(self._publisher.stop)
        self._running = [
            asyncio.create_task(self._gateway.serve(bound), name="gateway"),
            asyncio.create_task(self.fleet.watch_leases(), name="leases"),
            asyncio.create_task(self._show_life(), name="watchdog"),
        ]
        opened.push_async_callback(self._end_tasks, *self._running)
        _log.info("orchestrator started", gateway_port=self._gateway_config.port)

    async def serve_until(self, signalled: asyncio.Event) -> None:
        """Wait for the signal, or for the cloud's notice that it takes this machine back.

        Raises:
            AgentError: A part ended before.
        """
        loop = asyncio.get_running_loop()
        self.notices.start(lambda _: loop.call_soon_threadsafe(signalled.set))
        self._opened.callback(self.notices.stop)
        waiting = asyncio.create_task(signalled.wait())
        try:
            await asyncio.wait({waiting, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        for task in self._running:
            if task.done():
                task.result()
                raise AgentError(f"the {task.get_name()} task ended by itself")

    async def drain(self) -> None:
        """Refuse new requests, and let those that wait or run end in time."""
        _log.info("draining", waiting=self.dispatcher.room.waiting)
        self.dispatcher.close_doors()
        await self._registry.enter_drain()
        if not await self._drained_in_time():
            self.dispatcher.cut_off()
            await self.dispatcher.drained(_FAREWELL_SECONDS)

    async def close(self) -> None:
        """Close everything that `start` opened."""
        await self._opened.aclose()
        _log.info("orchestrator stopped")

    def submit(self, job: Job) -> AsyncGenerator[Event, None]:
        """Run a job; see the dispatcher."""
        return self.dispatcher.submit(job)

    def readiness(self) -> Readiness:
        """Ready with at least one complete pipeline, and not while draining."""
        if self.dispatcher.room.closed:
            return Readiness(ready=False, reason="draining")
        if not self.fleet.pipelines:
            return Readiness(ready=False, reason="no pipeline covers every layer of the model")
        return Readiness(ready=True)

    def cluster(self) -> dict[str, Any]:
        """Describe the fleet."""
        return cluster_view(self._config, self._version, self.fleet, self.dispatcher.room)

    def queue_depth_per_slot(self) -> float | None:
        """Return what groups of machines grow by; from any thread, reads whole values only."""
        return queue_depth_per_slot(
            waiting=self.dispatcher.room.waiting,
            slots=total_slots(self.fleet.pipelines),
            orchestrators=self._config.cloud.orchestrators,
        )

    async def _drained_in_time(self) -> bool:
        """Wait for the last job, as long as a drain or a machine that is taken back has."""
        interrupted = self.notices.interruption is not None
        seconds = math.inf if interrupted else self._config.timing.drain_seconds
        deadline = time.monotonic() + seconds
        while (left := min(deadline, self.notices.work_until) - time.monotonic()) > 0:
            if await self.dispatcher.drained(min(left, _LOOK_SECONDS)):
                return True
        return await self.dispatcher.drained(0)

    async def _show_life(self) -> None:
        """Show systemd that this loop, which does all of an orchestrator's work, still turns."""
        while True:
            self.notifier.alive()
            await asyncio.sleep(self.notifier.interval_seconds or _UNWATCHED_SECONDS)

    async def _end_tasks(self, gateway: asyncio.Task[None], *endless: asyncio.Task[None]) -> None:
        self._gateway.stop()
        for task in endless:
            task.cancel()
        await asyncio.wait((gateway, *endless))

    def _registry_listener(self) -> RegistryListener:
        config = self._config
        registrar = Registrar(
            self.fleet,
            model=config.model,
            deployment=config.node.deployment,
            lease_seconds=self._gateway_config.lease_seconds,
        )
        return RegistryListener(config.listen, config.tls, registrar)

    def _details(self) -> dict[str, object]:
        """Called from the status listener's thread: reads whole values only."""
        return {
            "name": self._config.node.name,
            "role": str(self._config.node.role),
            "version": self._version,
            "pid": os.getpid(),
            "instance": self._instance,
            "resident_bytes": psutil.Process().memory_info().rss,
            "pipelines": len(self.fleet.pipelines),
            "active": sum(self.dispatcher.room.active.values()),
            "waiting": self.dispatcher.room.waiting,
            "queue_depth_per_slot": self.queue_depth_per_slot(),
            "metrics": self._publisher.state if self._publisher else "none",
            "interruption": self.notices.described(),
        }


def _gateway_of(config: NodeConfig) -> Gateway:
    if config.gateway is None:
        raise AgentError(f"{config.node.name} has no [gateway]: it is no orchestrator")
    return config.gateway


def _dialler(config: NodeConfig) -> Callable[[Announcement], grpc.aio.Channel]:
    credentials = tls.channel_credentials(config.tls)

    def dial(node: Announcement) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(
            node.address, credentials, options=tls.channel_options(node.name)
        )

    return dial
