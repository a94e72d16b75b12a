"""From what was asked and what the model is like to the agents that will run. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.placement import balanced_split, parse_split, stage_ranges
from infra.capacity.topology import guide_split
from infra.fleet import FleetPlan, PlannedNode, plan_fleet
from infra.roles import NodeRole
from provision.inventory import Inventory, InventoryNode
from provision.memory import Footprint

if TYPE_CHECKING:
    from infra.capacity.placement import ModelShape
    from infra.roles import NodeCounts
    from provision.desired import Desired

DEFAULT_STAGES = 2
_GUIDE = "guide"  # the name of its 30/70 split
# A model's own context may be so long that its cache alone fills the machine.
DEFAULT_CONTEXT_TOKENS = 4096
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a deploy will bring up.

    Args:
        shape: The model.
        cuts: First layer of each stage but the first.
        fleet: The agents, and where they differ from the phase.
        footprint: What a sequence may take.
    """

    shape: ModelShape
    cuts: tuple[int, ...]
    fleet: FleetPlan
    footprint: Footprint

    @property
    def gateways(self) -> int:
        """How many ports are open to clients."""
        return sum(node.role is NodeRole.ORCHESTRATOR for node in self.fleet.nodes)


def plan_deployment(desired: Desired, counts: NodeCounts, shape: ModelShape) -> Plan:
    """Return the plan.

    Args:
        desired: What was asked.
        counts: The phase's nodes by role.
        shape: The model.

    Raises:
        ConfigError: The split or the number of stages does not fit the layers, or too few
            processes are allowed.
    """
    if desired.split is None:
        cuts = balanced_split(shape, desired.stages or DEFAULT_STAGES)
    elif desired.split == _GUIDE and desired.stages in (None, 2):
        cuts = guide_split(shape)
    else:
        cuts = parse_split(desired.split, shape.layers, desired.stages)
    fleet = plan_fleet(counts, stage_ranges(cuts, shape.layers), desired.max_processes)
    wanted = desired.context_tokens or DEFAULT_CONTEXT_TOKENS
    footprint = Footprint(
        dtype=desired.dtype,
        slots=desired.slots,
        context_tokens=min(wanted, shape.context_tokens),
    )
    return Plan(shape=shape, cuts=cuts, fleet=fleet, footprint=footprint)


def notes(plan: Plan, desired: Desired) -> tuple[str, ...]:
    """Say where the fleet differs from what the phase or the model would have."""
    said = [
        f"{change.role}: {change.planned} instead of {change.wanted} nodes{_why(desired)}"
        for change in plan.fleet.changes
    ]
    said += [
        f"{role}: {n} in this phase, not run by this version" for role, n in plan.fleet.not_run
    ]
    if desired.context_tokens is None and plan.footprint.context_tokens < plan.shape.context_tokens:
        said.append(
            f"context: {plan.footprint.context_tokens} of the model's "
            f"{plan.shape.context_tokens} tokens (model.context_tokens sets it)"
        )
    return tuple(said)


def build_inventory(
    deployment: str,
    nodes: tuple[PlannedNode, ...],
    *,
    gateway_ports: tuple[int, ...],
    internal_ports: tuple[int, ...],
) -> Inventory:
    """Give every agent its ports and its folder.

    Args:
        deployment: Name of the deployment.
        nodes: The agents in starting order.
        gateway_ports: One for each orchestrator.
        internal_ports: Two for each agent.
    """
    gateways, internal = iter(gateway_ports), iter(internal_ports)
    return Inventory(
        deployment=deployment,
        nodes=tuple(
            InventoryNode(
                name=node.name,
                role=str(node.role),
                host=HOST,
                grpc_port=next(internal),
                status_port=next(internal),
                gateway_port=next(gateways) if node.role is NodeRole.ORCHESTRATOR else None,
                layers=(node.first_layer, node.end_layer) if node.end_layer else None,
                folder=f"nodes/{node.name}",
            )
            for node in nodes
        ),
    )


def _why(desired: Desired) -> str:
    return f" (--max-processes {desired.max_processes})" if desired.max_processes else ""
