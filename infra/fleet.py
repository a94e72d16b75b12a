"""A phase's nodes as the processes of one machine: names, roles and layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.errors import ConfigError
from infra.roles import NodeRole

if TYPE_CHECKING:
    from infra.roles import NodeCounts

LayerRange = tuple[int, int]

_NOT_RUN_LOCALLY = ("oracle", "monitoring", "cache")
_SHRINKING_ORDER = ("orchestrator", "embedding", "transformer", "worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """One agent to run; an orchestrator holds no layers, its range is 0 to 0."""

    name: str
    role: NodeRole
    first_layer: int = 0
    end_layer: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChange:
    """A role that runs with another number of nodes than the phase has."""

    role: str
    wanted: int
    planned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """The agents of a local deployment, and where it differs from its phase.

    Attributes:
        nodes: In starting order: orchestrators first.
        changes: Roles that run with more or fewer nodes than the phase has.
        not_run: Roles that this version does not run, with the phase's count.
    """

    nodes: tuple[PlannedNode, ...]
    changes: tuple[RoleChange, ...]
    not_run: tuple[tuple[str, int], ...]


def plan_fleet(
    counts: NodeCounts, ranges: tuple[LayerRange, ...], max_processes: int | None = None
) -> FleetPlan:
    """Return the agents that run a phase on one machine.

    Args:
        counts: The phase's nodes.
        ranges: Each stage's layers, as `stage_ranges` gives them.
        max_processes: Agents the machine may run; any number when None.

    Raises:
        ConfigError: Fewer than two processes are allowed.
    """
    local = staged(counts, len(ranges))
    if max_processes is not None:
        local = scale_down(local, max_processes, len(ranges))
    return FleetPlan(
        nodes=plan_nodes(local, ranges),
        changes=changes(counts, local),
        not_run=tuple(
            (role, n) for role, n in counts.by_role().items() if n and role in _NOT_RUN_LOCALLY
        ),
    )


def staged(counts: NodeCounts, stages: int) -> NodeCounts:
    """Return the counts that can form pipelines of this many stages.

    In one stage every pipeline becomes a worker; beyond two, the stages after the first need at
    least one transformer node each, which are added where the phase has fewer.
    """
    if stages == 1:
        return replace(counts, embedding=0, transformer=0, worker=counts.pipelines)
    return replace(counts, transformer=max(counts.transformer, stages - 1))


def scale_down(counts: NodeCounts, max_processes: int, stages: int = 2) -> NodeCounts:
    """Return counts with at most this many agents.

    The most numerous role gives up a node first, orchestrators before stages when equal, so that
    pipelines stay whole as long as they can. Every stage keeps a node; where not even that fits,
    a worker holds the whole model beside one orchestrator.

    Raises:
        ConfigError: Fewer than two processes are allowed.
    """
    if max_processes < 2:
        raise ConfigError(
            f"max_processes is {max_processes}: the smallest fleet is an orchestrator and a worker",
            hint="Use --max-processes 2 or more.",
        )
    least = _least(counts, stages)
    if sum(least.values()) > max_processes:
        return replace(counts, orchestrator=1, embedding=0, transformer=0, worker=1)
    running = {role: counts.by_role()[role] for role in _SHRINKING_ORDER}
    while sum(running.values()) > max_processes:
        spare = [role for role in _SHRINKING_ORDER if running[role] > least[role]]
        running[max(spare, key=running.__getitem__)] -= 1
    return replace(counts, **running)


def _least(counts: NodeCounts, stages: int) -> dict[str, int]:
    if counts.worker:
        return {"orchestrator": 1, "embedding": 0, "transformer": 0, "worker": 1}
    return {"orchestrator": 1, "embedding": 1, "transformer": stages - 1, "worker": 0}


def changes(wanted: NodeCounts, planned: NodeCounts) -> tuple[RoleChange, ...]:
    """Return the roles whose numbers differ."""
    return tuple(
        RoleChange(role=role, wanted=before, planned=after)
        for (role, before), after in zip(
            wanted.by_role().items(), planned.by_role().values(), strict=True
        )
        if before != after
    )


def plan_nodes(counts: NodeCounts, ranges: tuple[LayerRange, ...]) -> tuple[PlannedNode, ...]:
    """Return the agents by name, with their layers.

    Embedding nodes hold the first stage; transformer nodes are dealt over the stages after it, the
    last first, since it reads the LM head and samples as well. Workers hold all layers.
    """
    whole = (0, ranges[-1][1])
    later = ranges[:0:-1]
    return (
        *_named(NodeRole.ORCHESTRATOR, [(0, 0)] * counts.orchestrator),
        *_named(NodeRole.EMBEDDING, [ranges[0]] * counts.embedding),
        *_named(NodeRole.TRANSFORMER, [later[i % len(later)] for i in range(counts.transformer)]),
        *_named(NodeRole.WORKER, [whole] * counts.worker),
    )


def _named(role: NodeRole, ranges: list[LayerRange]) -> list[PlannedNode]:
    return [
        PlannedNode(name=f"{role}-{number}", role=role, first_layer=first, end_layer=end)
        for number, (first, end) in enumerate(ranges, start=1)
    ]
