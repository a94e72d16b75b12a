"""Puts a stage together and runs it until it is told to end."""

from __future__ import annotations

import os
import statistics
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import psutil
import structlog
import torch
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from node_agent import lifecycle, tls
from node_agent.config import NodeConfig, Role
from node_agent.errors import AgentError, CheckpointError, ConfigError
from node_agent.proto import agent_pb2 as pb
from node_agent.proto.agent_pb2_grpc import add_StageServicer_to_server
from node_agent.shard.cache import KvCache
from node_agent.shard.checkpoint import inspect_checkpoint
from node_agent.shard.engine import Engine, EngineRules
from node_agent.shard.link import Links
from node_agent.shard.model import Span, StageModel, rope_frequencies
from node_agent.shard.service import StageFacts, StageService
from node_agent.shard.text import Text
from node_agent.shard.weights import load_stage
from node_agent.telemetry.status import Readiness, StatusServer
from node_agent.version import agent_version

if TYPE_CHECKING:
    from node_agent.config import Stage
    from node_agent.shard.checkpoint import Checkpoint

_DTYPES = {
    "float32": (torch.float32, pb.DTYPE_FLOAT32),
    "bfloat16": (torch.bfloat16, pb.DTYPE_BFLOAT16),
    "float16": (torch.float16, pb.DTYPE_FLOAT16),
}
_ROLES = {
    Role.EMBEDDING: pb.ROLE_EMBEDDING,
    Role.TRANSFORMER: pb.ROLE_TRANSFORMER,
    Role.WORKER: pb.ROLE_WORKER,
}
_STREAMS = 64  # each holds a thread: one per orchestrator and one per neighbour
log = structlog.get_logger()


def run(config: NodeConfig) -> None:
    """Serve this node's layers until SIGTERM or SIGINT, then drain.

    Raises:
        AgentError: The model cannot be loaded, or an address cannot be listened on.
    """
    lifecycle.block_signals()
    node = StageNode(config)
    try:
        node.start()
        reason = lifecycle.until_signal()
        log.info("draining", signal=reason, active=node.engine.stats.active)
        node.drain()
    finally:
        node.stop()


class StageNode:
    """One stage as a process: engine, listeners and memberships.

    Args:
        config: Of a role that holds layers.
    """

    def __init__(self, config: NodeConfig) -> None:
        if config.stage is None:
            raise ConfigError(f"role {config.node.role} holds no layers")
        self.config = config
        self.instance = uuid.uuid4().hex
        self._stage: Stage = config.stage
        self._loaded = False
        self._memberships: list[lifecycle.Membership] = []
        self._status = StatusServer(
            config.listen.host,
            config.listen.status_port,
            tls.http_server_context(config.tls),
            self._readiness,
            self._details,
        )

    def start(self) -> None:
        """Load the stage, listen and register."""
        self._status.start()
        torch.set_num_threads(self._stage.threads)
        checkpoint = inspect_checkpoint(self.config.model.path)
        self._load(checkpoint)
        self._serve()
        self._loaded = True
        for orchestrator in self.config.orchestrators:
            membership = lifecycle.Membership(
                orchestrator,
                self.config.tls,
                self._description(),
                self._health,
                self.config.timing,
            )
            membership.start()
            self._memberships.append(membership)

    def drain(self) -> None:
        """Leave every orchestrator, refuse new tasks, and wait for those that run."""
        self._health_service.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        self._service.draining.set()
        for membership in self._memberships:
            membership.leave()
        deadline = time.monotonic() + self.config.timing.drain_seconds
        while self.engine.stats.active and time.monotonic() < deadline:
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop listening and computing."""
        for membership in self._memberships:
            membership.close()
        if self._loaded:
            self._links.close()
            self._server.stop(grace=0.5).wait()
            self.engine.stop()
        self._status.stop()

    def _load(self, checkpoint: Checkpoint) -> None:
        stage, model = self._stage, self.config.model
        if checkpoint.revision != model.revision:
            raise CheckpointError(
                f"{model.path}: revision {checkpoint.revision} where {model.revision} was deployed",
                hint="Deploy again, so that every node serves the same checkpoint.",
            )
        architecture = checkpoint.architecture
        dtype, wire_dtype = _DTYPES[stage.dtype]
        started = time.perf_counter()
        weights = load_stage(checkpoint, stage.first_layer, stage.end_layer, dtype)
        self._bytes_read = weights.bytes_read
        self._model = StageModel(
            architecture,
            weights,
            context_tokens=model.context_tokens,
            rope_frequencies=rope_frequencies(architecture, str(model.path)),
        )
        cache = KvCache(
            layers=stage.end_layer - stage.first_layer,
            slots=stage.slots,
            kv_heads=architecture.kv_heads,
            context_tokens=model.context_tokens,
            head_dim=architecture.head_dim,
            dtype=dtype,
        )
        _warm_up(self._model, cache, model.path.name)
        log.info(
            "loaded",
            layers=[stage.first_layer, stage.end_layer],
            bytes_read=weights.bytes_read,
            seconds=round(time.perf_counter() - started, 3),
        )
        facts = StageFacts(
            deployment=self.config.node.deployment,
            revision=checkpoint.revision,
            first_layer=stage.first_layer,
            end_layer=stage.end_layer,
            layers=architecture.layers,
            hidden=architecture.hidden,
            vocab=architecture.vocab,
            dtype=wire_dtype,
            itemsize=dtype.itemsize,
            context_tokens=model.context_tokens,
        )
        text = Text(model.path) if facts.is_first or facts.is_last else None
        self._links = Links(self.config.tls, facts.hello())
        rules = EngineRules(
            context_tokens=model.context_tokens,
            chunk_tokens=stage.chunk_tokens,
            micro_batches=stage.micro_batches,
            tokenizer=text.backend if text and facts.is_last else None,
            eos_token_ids=checkpoint.eos_token_ids,
        )
        self.engine = Engine(
            self._model, cache, rules, lambda peer: self._links.open(peer, self.engine.post)
        )
        self._service = StageService(facts, text, self.engine.post)

    def _serve(self) -> None:
        listen = self.config.listen
        threading.Thread(target=self._compute, name="engine", daemon=True).start()
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=_STREAMS), options=tls.SERVER_OPTIONS
        )
        add_StageServicer_to_server(self._service, self._server)
        self._health_service = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health_service, self._server)
        address = f"{listen.host}:{listen.grpc_port}"
        try:
            self._server.add_secure_port(address, tls.server_credentials(self.config.tls))
        except RuntimeError as error:
            raise AgentError(
                f"cannot listen on {address}", hint="Free the port or change listen.grpc_port."
            ) from error
        self._server.start()

    def _compute(self) -> None:
        try:
            self.engine.run()
        except BaseException:
            log.exception("the engine died")
            os._exit(1)  # a stage that cannot compute must not look alive

    def _readiness(self) -> Readiness:
        if not self._loaded:
            return Readiness(ready=False, reason="loading the model")
        if self._service.draining.is_set():
            return Readiness(ready=False, reason="draining")
        if not any(m.registered for m in self._memberships):
            return Readiness(ready=False, reason="not registered with any orchestrator")
        return Readiness(ready=True)

    def _description(self) -> pb.NodeDescription:
        config, stage = self.config, self._stage
        return pb.NodeDescription(
            name=config.node.name,
            role=_ROLES[config.node.role],
            address=f"{config.listen.host}:{config.listen.grpc_port}",
            instance=self.instance,
            model=config.model.id,
            revision=config.model.revision,
            first_layer=stage.first_layer,
            end_layer=stage.end_layer,
            model_layers=config.model.layers,
            slots=stage.slots,
            context_tokens=config.model.context_tokens,
            version=agent_version(),
        )

    def _health(self) -> pb.HealthCheck:
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

    def _details(self) -> dict[str, object]:
        node, stage = self.config.node, self._stage
        details: dict[str, object] = {
            "name": node.name,
            "role": str(node.role),
            "version": agent_version(),
            "pid": os.getpid(),
            "instance": self.instance,
            "model": self.config.model.id,
            "layers": [stage.first_layer, stage.end_layer],
            "resident_bytes": psutil.Process().memory_info().rss,
        }
        if self._loaded:
            stats = self.engine.stats
            details |= {
                "weight_bytes_read": self._bytes_read,
                "active_sequences": stats.active,
                "tokens_computed": stats.rows,
                "steps": stats.steps,
                "compute_seconds": stats.compute_seconds,
                "step_seconds_p50": _median(stats.step_seconds),
                "token_gap_seconds_p50": _median(stats.token_gap_seconds),
            }
        return details


def _median(values: object) -> float | None:
    recent = list(values)  # type: ignore[call-overload] # a deque another thread appends to
    return statistics.median(recent) if recent else None


def _warm_up(model: StageModel, cache: KvCache, name: str) -> None:
    """Run one row through: pages the weights in, and finds those that are not numbers."""
    slot = cache.acquire()
    hidden = (
        model.embed(torch.zeros(1, dtype=torch.int64))
        if model.has_embedding
        else torch.ones((1, model.architecture.hidden), dtype=model.dtype)
    )
    hidden = model.forward(hidden, [Span(slot=slot, position=0, rows=1)], cache)
    out = model.logits(hidden) if model.has_head else hidden
    cache.release(slot)
    if not bool(out.isfinite().all()):
        raise CheckpointError(
            f"{name}: the stage computes values that are not finite",
            hint="The weights are damaged, or overflow in this dtype: try float32.",
        )
