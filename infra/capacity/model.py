"""The guide's whole chain, from the network to nodes, in one value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.capacity.demand import Demand, demand
from infra.capacity.hardware import (
    DemoCapacity,
    NodeCapacity,
    demo_capacity,
    gpu_node,
    node_queries_per_hour,
)
from infra.capacity.network import NetworkActivity, NetworkMetrics, network_activity
from infra.capacity.nodes import DistributedNodes, NodeNeed, distributed_nodes, nodes_needed
from infra.capacity.rounding import Rounding

if TYPE_CHECKING:
    from infra.capacity.assumptions import Assumptions

# The rows of the guide's two tables, §2.5.
ADOPTIONS = (0.01, 0.025, 0.05, 0.10)
INFERENCE_SECONDS = (1.0, 2.0, 3.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionCase:
    """A row of the table of adoption, §2.5; nodes with redundancy and growth."""

    adoption: float
    users: float
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceCase:
    """A row of the table of inference times, §2.5."""

    inference_seconds: float
    queries_per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityModel:
    """Every figure of the guide's §1.2, 2.2-2.5 and 4.1.

    Attributes:
        need: Whole nodes, each doing all the work of an answer.
        fleet: The same nodes divided 30/70, services added.
        demo_coverage: Share of the users whom the demo could serve.
    """

    activity: NetworkActivity
    demand: Demand
    node: NodeCapacity
    need: NodeNeed
    fleet: DistributedNodes
    demo: DemoCapacity
    demo_coverage: float
    adoption: tuple[AdoptionCase, ...]
    inference: tuple[InferenceCase, ...]


def capacity_model(
    metrics: NetworkMetrics, assumptions: Assumptions, rounding: Rounding = Rounding.EXACT
) -> CapacityModel:
    """Return the guide's chain of formulas for a network and its assumptions."""
    wanted = demand(metrics, assumptions, rounding)
    node = gpu_node(assumptions, rounding)
    need = nodes_needed(wanted.peak_queries_per_hour, node.queries_per_hour, assumptions, rounding)
    demo = demo_capacity(assumptions, rounding)
    return CapacityModel(
        activity=network_activity(metrics, assumptions, rounding),
        demand=wanted,
        node=node,
        need=need,
        fleet=distributed_nodes(need.with_growth, assumptions),
        demo=demo,
        demo_coverage=demo.coverage(wanted, rounding),
        adoption=tuple(
            _adoption_case(share, metrics, assumptions, rounding) for share in ADOPTIONS
        ),
        inference=tuple(
            InferenceCase(
                inference_seconds=seconds,
                queries_per_hour=node_queries_per_hour(seconds, assumptions),
            )
            for seconds in INFERENCE_SECONDS
        ),
    )


def _adoption_case(
    adoption: float, metrics: NetworkMetrics, assumptions: Assumptions, rounding: Rounding
) -> AdoptionCase:
    adopted = replace(assumptions, adoption=adoption)
    wanted = demand(metrics, adopted, rounding)
    rate = gpu_node(adopted, rounding).queries_per_hour
    need = nodes_needed(wanted.peak_queries_per_hour, rate, adopted, rounding)
    return AdoptionCase(adoption=adoption, users=wanted.users, nodes=need.with_growth)
