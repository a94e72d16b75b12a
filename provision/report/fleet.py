"""The state of a deployment: joined from its supervisor, its nodes and its gateway."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from provision.probe import NOT_LISTENING
from provision.report.table import duration, mebibytes, table
from provision.targets.target import AgentPhase

if TYPE_CHECKING:
    from provision.inventory import Inventory, InventoryNode
    from provision.probe import NodeHealth
    from provision.targets.target import AgentProcess, Observation

ALL_READY, NONE_READY, SOME_READY = 0, 5, 6
_HEADER = ("NODE", "ROLE", "LAYERS", "STATE", "PID", "RESTARTS", "UPTIME", "MEMORY")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """One node.

    Args:
        state: `ready`, `not ready`, `starting`, `unreachable`, `restarting` or `stopped`.
        reason: Why it is not ready.
        layers: First layer and end layer (exclusive); None on orchestrators.
        uptime_seconds: Since its last start; None when it does not run.
        resident_bytes: As it says itself; None when it does not answer.
    """

    name: str
    role: str
    layers: tuple[int, int] | None
    state: str
    reason: str
    pid: int | None
    restarts: int
    last_exit: str
    uptime_seconds: float | None
    resident_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetState:
    """All of a deployment.

    Args:
        supervised: Whether a supervisor would start a dead agent again.
        gateways: Base URLs.
        pipelines: As the first gateway that answers describes them; None when none does.
    """

    deployment: str
    model: str
    supervised: bool
    gateways: tuple[str, ...]
    nodes: tuple[NodeState, ...]
    pipelines: tuple[dict[str, Any], ...] | None

    @property
    def exit_code(self) -> int:
        """0 when every node is ready, 6 when some are, 5 when none is."""
        ready = sum(node.state == "ready" for node in self.nodes)
        if ready == len(self.nodes):
            return ALL_READY
        return SOME_READY if ready else NONE_READY

    def to_document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return asdict(self)


def node_states(
    inventory: Inventory, observation: Observation, health: dict[str, NodeHealth], *, now: float
) -> tuple[NodeState, ...]:
    """Join what the supervisor and the nodes say.

    Args:
        inventory: The nodes.
        observation: Of their processes.
        health: Of each node by name.
        now: Unix time.
    """
    return tuple(
        _node_state(node, observation.agent(node.name), health[node.name], observation, now)
        for node in inventory.nodes
    )


def render_fleet(fleet: FleetState) -> str:
    """Return the state as a table, and what is to be said about it."""
    rows = [_row(node) for node in fleet.nodes]
    lines = [f"{fleet.deployment}: model {fleet.model}", "", table(_HEADER, rows), ""]
    if fleet.pipelines is None:
        lines.append("pipelines  unknown: no gateway answers")
    else:
        lines += [_pipeline(pipeline) for pipeline in fleet.pipelines] or ["pipelines  none"]
    lines += [f"gateway    {url}/v1" for url in fleet.gateways]
    lines += [
        f"note       {node.name}: {node.restarts} restarts, the last after {node.last_exit}"
        for node in fleet.nodes
        if node.restarts
    ]
    if not fleet.supervised:
        lines.append("note       nothing runs; `qinfra deploy` starts it again")
    return "\n".join(lines)


def _node_state(
    node: InventoryNode,
    process: AgentProcess,
    health: NodeHealth,
    observation: Observation,
    now: float,
) -> NodeState:
    running = process.phase is AgentPhase.RUNNING and observation.supervised
    return NodeState(
        name=node.name,
        role=node.role,
        layers=node.layers,
        state=_state(process, health, supervised=observation.supervised),
        reason="" if health.ready else health.reason,
        pid=process.pid if running else None,
        restarts=process.restarts,
        last_exit=process.last_exit,
        uptime_seconds=max(now - process.started_at, 0.0) if running else None,
        resident_bytes=health.details.get("resident_bytes"),
    )


def _state(process: AgentProcess, health: NodeHealth, *, supervised: bool) -> str:
    if health.ready:
        return "ready"
    if not supervised or process.phase is AgentPhase.STOPPED:
        return "stopped"
    if process.phase is AgentPhase.WAITING:
        return "restarting"
    if health.reason == NOT_LISTENING:
        return "starting"
    return "not ready" if health.reachable else "unreachable"


def _row(node: NodeState) -> tuple[str, ...]:
    reason = f" ({node.reason})" if node.reason and node.state == "not ready" else ""
    return (
        node.name,
        node.role,
        f"{node.layers[0] + 1}-{node.layers[1]}" if node.layers else "-",
        f"{node.state}{reason}",
        str(node.pid) if node.pid else "-",
        str(node.restarts),
        "-" if node.uptime_seconds is None else duration(node.uptime_seconds),
        mebibytes(node.resident_bytes),
    )


def _pipeline(pipeline: dict[str, Any]) -> str:
    stages = " -> ".join(str(stage["name"]) for stage in pipeline.get("stages", ()))
    return f"pipeline   {stages}  {pipeline.get('state')}, {pipeline.get('active', 0)} active"
