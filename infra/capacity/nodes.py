"""How many machines a load needs, as single nodes and as pipelines (guide §2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.rounding import Rounding, carried, whole_nodes
from infra.domain import AMOUNT, Interval

if TYPE_CHECKING:
    from infra.capacity.assumptions import Assumptions

_RATE = Interval(1e-6, 1e12)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNeed:
    """Nodes for a load: as work, and as whole machines after each step.

    Attributes:
        load: The load over one node's capacity, not rounded up.
        base: Whole nodes that carry it.
        with_redundancy: The same, with redundancy.
        with_growth: The same, with room for growth as well.
    """

    load: float
    base: int
    with_redundancy: int
    with_growth: int


def nodes_needed(
    peak_queries_per_hour: float,
    node_queries_per_hour: float,
    assumptions: Assumptions,
    rounding: Rounding = Rounding.EXACT,
) -> NodeNeed:
    """Return nodes for a peak, rounded up to whole machines at every step as the formula says.

    Args:
        peak_queries_per_hour: The busiest hour; 0 or more.
        node_queries_per_hour: What one node answers; above 0.
        assumptions: Its `redundancy` and `growth` are used.
        rounding: As the guide, the load is shown with two digits.

    Raises:
        ConfigError: A rate is NaN, negative or out of range.

    Source:
        Guide §2.4, formula 2.4.
    """
    load = _load(peak_queries_per_hour, node_queries_per_hour)
    base = whole_nodes(load)
    with_redundancy = whole_nodes(base * assumptions.redundancy)
    return NodeNeed(
        load=carried(load, rounding, digits=2),
        base=base,
        with_redundancy=with_redundancy,
        with_growth=whole_nodes(with_redundancy * assumptions.growth),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributedNodes:
    """The guide's fleet, by role."""

    orchestrator: int
    embedding: int
    transformer: int
    oracle: int
    monitoring: int

    @property
    def total(self) -> int:
        """All nodes."""
        return self.orchestrator + self.embedding + self.transformer + self.oracle + self.monitoring


def distributed_nodes(compute_nodes: int, assumptions: Assumptions) -> DistributedNodes:
    """Return the guide's fleet: compute nodes divided by share of the work, services added.

    Args:
        compute_nodes: `NodeNeed.with_growth`; 0 or more.
        assumptions: Its `embedding_share` is used.

    Raises:
        ConfigError: The number of nodes is negative.

    Source:
        Guide §2.4, formula 2.5, with its two orchestrators, two oracles and one monitoring node.
    """
    AMOUNT.check("compute_nodes", compute_nodes)
    return DistributedNodes(
        orchestrator=2,
        embedding=whole_nodes(compute_nodes * assumptions.embedding_share),
        transformer=whole_nodes(compute_nodes * assumptions.transformer_share),
        oracle=2,
        monitoring=1,
    )


def pipeline_queries_per_hour(node_queries_per_hour: float, assumptions: Assumptions) -> float:
    """Return what one embedding and one transformer node answer together.

    Every answer passes through both, so the node with the larger share of the work sets the pace:
    at 30/70 a pair answers 1 / 0.7 = 1.43 times what a node alone does, not twice.

    Raises:
        ConfigError: The rate is NaN, not positive or out of range.
    """
    _RATE.check("node_queries_per_hour", node_queries_per_hour)
    return node_queries_per_hour / max(assumptions.embedding_share, assumptions.transformer_share)


def pipelines_needed(
    peak_queries_per_hour: float, queries_per_hour: float, assumptions: Assumptions
) -> int:
    """Return pipelines for a peak with redundancy and growth; at least one.

    Departs from the guide's formula 2.4 in two ways: the unit is a pair of nodes, because half a
    pipeline answers nothing, and whole pipelines are rounded up once, at the end.

    Args:
        peak_queries_per_hour: The busiest hour; 0 or more.
        queries_per_hour: What one pipeline answers; above 0.
        assumptions: Its `redundancy` and `growth` are used.

    Raises:
        ConfigError: A rate is NaN, negative or out of range.
    """
    load = _load(peak_queries_per_hour, queries_per_hour)
    return max(1, whole_nodes(load * assumptions.redundancy * assumptions.growth))


def _load(peak_queries_per_hour: float, queries_per_hour: float) -> float:
    AMOUNT.check("peak_queries_per_hour", peak_queries_per_hour)
    _RATE.check("queries_per_hour", queries_per_hour)
    return peak_queries_per_hour / queries_per_hour
