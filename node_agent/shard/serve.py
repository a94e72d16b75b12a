"""Runs a stage as a process: its engine, its listeners and its memberships."""

from __future__ import annotations

import math
import os
import statistics
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import psutil
import structlog
from grpc_health.v1 import health, health_pb2_grpc

from node_agent import lifecycle, tls
from node_agent.cloud.notices import watch_of
from node_agent.config import Role
from node_agent.errors import AgentError
from node_agent.notify import Notifier
from node_agent.proto import agent_pb2 as pb
from node_agent.proto.agent_pb2_grpc import add_StageServicer_to_server
from node_agent.shard.engine import Engine
from node_agent.shard.link import Links
from node_agent.shard.runtime import Runtime, load_runtime
from node_agent.shard.service import StageService
from node_agent.telemetry.status import Readiness, StatusServer
from node_agent.version import agent_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node_agent.config import NodeConfig

_ROLES = {
    Role.EMBEDDING: pb.ROLE_EMBEDDING,
    Role.TRANSFORMER: pb.ROLE_TRANSFORMER,
    Role.WORKER: pb.ROLE_WORKER,
}
_STREAMS = 64  # each holds a thread: one per orchestrator and one per neighbour
_POLL_SECONDS = 0.02
_STOP_SECONDS = 10.0  # longer than any step
# How long a stream's thread waits for the interpreter while the engine computes; Python's own 5 ms
# is longer than a small stage's whole step.
_SWITCH_SECONDS = 0.0002
log = structlog.get_logger()


def run(config: NodeConfig) -> None:
    """Serve this node's layers until SIGTERM or SIGINT, then drain.

    Raises:
        AgentError: The model cannot be loaded, or an address cannot be listened on.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    ending = lifecycle.Ending()
    loading = Loading(config)
    loading.start()
    loading.notices.start(lambda notice: ending.ask(f"interruption: {notice.action}"))
    try:
        runtime = load_runtime(config)
        if loading.notices.interruption is not None:
            return  # a machine that goes takes no task
        node = StageNode(config, runtime, loading)
        try:
            node.start()
            node.notifier.ready()
            reason = ending.wait()
            node.notifier.stopping()
            log.info("draining", signal=reason, active=node.engine.stats.active)
            node.drain(reason)
        finally:
            node.stop()
    finally:
        loading.stop()


class Loading:
    """The status listener, up before the model is, so that a slow load is seen as such.

    Args:
        config: Whose status it shows.
    """

    def __init__(self, config: NodeConfig) -> None:
        self.node: StageNode | None = None
        self.notices = watch_of(config.cloud)
        self._server = StatusServer(
            config.listen.host,
            config.listen.status_port,
            tls.http_server_context(config.tls),
            self._readiness,
            self._details,
        )

    def start(self) -> None:
        """Listen.

        Raises:
            AgentError: The address is taken.
        """
        self._server.start()

    def stop(self) -> None:
        """Stop listening."""
        self.notices.stop()
        self._server.stop()

    def _readiness(self) -> Readiness:
        if self.node is None:
            return Readiness(ready=False, reason="loading the model")
        return self.node.readiness()

    def _details(self) -> dict[str, object]:
        node = {} if self.node is None else self.node.details()
        return {**node, "interruption": self.notices.described()}


class StageNode:
    """One loaded stage, its streams and its memberships.

    Args:
        config: Of a role that holds layers.
        runtime: The loaded stage.
        status: Shows this node from `start` on.
    """

    def __init__(self, config: NodeConfig, runtime: Runtime, status: Loading | None = None) -> None:
        self.config = config
        self.instance = uuid.uuid4().hex
        self.notifier = Notifier.from_environment()
        self._runtime = runtime
        self._status = status
        self._links = Links(config.tls, runtime.facts.hello())
        self.engine = Engine(
            runtime.model,
            runtime.cache,
            runtime.rules,
            lambda peer: self._links.open(peer, self.engine.post),
            self.notifier.alive,
        )
        self._engine_thread = threading.Thread(target=self._compute, name="engine", daemon=True)
        self._service = StageService(runtime.facts, runtime.text, self.engine.post)
        self._health = health.HealthServicer()
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=_STREAMS),
            options=tls.SERVER_OPTIONS,
            maximum_concurrent_rpcs=_STREAMS,
        )
        self._memberships = [
            lifecycle.Membership(
                orchestrator, config.tls, self._description(), self._health_check, config.timing
            )
            for orchestrator in config.orchestrators
        ]

    def start(self) -> None:
        """Compute, listen and register.

        Raises:
            AgentError: The address is taken.
        """
        self._engine_thread.start()
        add_StageServicer_to_server(self._service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        address = self._address()
        try:
            self._server.add_secure_port(address, tls.server_credentials(self.config.tls))
        except RuntimeError as error:
            raise AgentError(
                f"cannot listen on {address}", hint="Free the port or change listen.grpc_port."
            ) from error
        self._server.start()
        for membership in self._memberships:
            membership.start()
        if self._status is not None:
            self._status.node = self
        log.info("serving", address=address, layers=self._layers())

    def drain(self, reason: str = "") -> None:
        """Leave every orchestrator, refuse new tasks, and wait for those that run.

        A machine that is taken back gives them all its time; otherwise they have
        `timing.drain_seconds`, or what a notice leaves of it that comes meanwhile.
        """
        notices = self._status.notices if self._status else None
        interrupted = notices is not None and notices.interruption is not None
        self._health.enter_graceful_shutdown()
        self._service.draining.set()
        for membership in self._memberships:
            membership.leave(reason)
        for membership in self._memberships:
            membership.wait_left()
        deadline = math.inf if interrupted else time.monotonic() + self.config.timing.drain_seconds
        while self.engine.stats.active and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            deadline = min(deadline, notices.work_until) if notices else deadline

    def stop(self) -> None:
        """Stop listening and computing."""
        for membership in self._memberships:
            membership.close()
        self._links.close()
        self._server.stop(grace=0.5).wait()
        self.engine.stop()
        if self._engine_thread.is_alive():
            # A thread that is inside torch when the interpreter ends aborts the process.
            self._engine_thread.join(timeout=_STOP_SECONDS)

    def readiness(self) -> Readiness:
        """Say whether this node takes tasks."""
        if self._service.draining.is_set():
            return Readiness(ready=False, reason="draining")
        if not any(membership.registered for membership in self._memberships):
            return Readiness(ready=False, reason="not registered with any orchestrator")
        return Readiness(ready=True)

    def details(self) -> dict[str, object]:
        """Return what /status shows beside the readiness."""
        stats = self.engine.stats
        return {
            "name": self.config.node.name,
            "role": str(self.config.node.role),
            "version": agent_version(),
            "pid": os.getpid(),
            "instance": self.instance,
            "model": self.config.model.id,
            "layers": self._layers(),
            "resident_bytes": psutil.Process().memory_info().rss,
            "weight_bytes_read": self._runtime.weight_bytes_read,
            "active_sequences": stats.active,
            "tokens_computed": stats.rows,
            "steps": stats.steps,
            "compute_seconds": stats.compute_seconds,
            "step_seconds_p50": _median(stats.step_seconds),
            "token_gap_seconds_p50": _median(stats.token_gap_seconds),
        }

    def _compute(self) -> None:
        try:
            self.engine.run()
        except BaseException:
            log.exception("the engine died")
            os._exit(1)  # a stage that cannot compute must not look alive

    def _address(self) -> str:
        return f"{self.config.listen.host}:{self.config.listen.grpc_port}"

    def _layers(self) -> list[int]:
        return [self._runtime.facts.first_layer, self._runtime.facts.end_layer]

    def _description(self) -> pb.NodeDescription:
        config, facts = self.config, self._runtime.facts
        return pb.NodeDescription(
            name=config.node.name,
            role=_ROLES[config.node.role],
            address=self._address(),
            instance=self.instance,
            model=config.model.id,
            revision=facts.revision,
            first_layer=facts.first_layer,
            end_layer=facts.end_layer,
            model_layers=facts.layers,
            slots=self._runtime.cache.slots,
            context_tokens=facts.context_tokens,
            version=agent_version(),
        )

    def _health_check(self) -> pb.HealthCheck:
        stats = self.engine.stats
        process = psutil.Process()
        cpu = process.cpu_times()
        last = stats.last_token_at
        return pb.HealthCheck(
            name=self.config.node.name,
            instance=self.instance,
            active_sequences=stats.active,
            resident_bytes=process.memory_info().rss,
            cpu_seconds=cpu.user + cpu.system,
            tokens_computed=stats.rows,
            last_token_age_seconds=-1 if last is None else time.monotonic() - last,
        )


def _median(values: Iterable[float]) -> float | None:
    recent = list(values)
    return statistics.median(recent) if recent else None
