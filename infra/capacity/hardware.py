"""What one machine, and the guide's three-machine demo, can answer (guide §2.3, 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.rounding import Rounding, carried
from infra.domain import Interval
from infra.units import HOURS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from infra.capacity.assumptions import Assumptions
    from infra.capacity.demand import Demand

DEMO_COMPUTE_NODES = 2  # guide §4.1: one embedding and one transformer machine

_INFERENCE_SECONDS = Interval(0.001, 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCapacity:
    """What one GPU node answers if it does all the work of an answer itself.

    Attributes:
        inference_seconds: One answer on the GPU.
        serial_queries_per_hour: One answer after the other.
        parallel_queries_per_hour: Several at once.
        queries_per_hour: After overheads; the figure to plan with.
        queries_per_day: The same, for a day.
    """

    inference_seconds: float
    serial_queries_per_hour: float
    parallel_queries_per_hour: float
    queries_per_hour: float
    queries_per_day: float


def gpu_node(assumptions: Assumptions, rounding: Rounding = Rounding.EXACT) -> NodeCapacity:
    """Return what a g4dn.xlarge (4 vCPU, 16 GB, one T4) answers.

    Source:
        Guide §2.3, formula 2.3.
    """
    seconds = assumptions.inference_seconds * assumptions.gpu_time_ratio
    serial = carried(SECONDS_PER_HOUR / seconds, rounding)
    parallel = carried(serial * assumptions.parallel_queries, rounding)
    effective = carried(parallel * assumptions.efficiency, rounding)
    return NodeCapacity(
        inference_seconds=seconds,
        serial_queries_per_hour=serial,
        parallel_queries_per_hour=parallel,
        queries_per_hour=effective,
        queries_per_day=carried(effective * HOURS_PER_DAY, rounding),
    )


def node_queries_per_hour(inference_seconds: float, assumptions: Assumptions) -> float:
    """Return what a node answers an hour if one answer takes it this long.

    Args:
        inference_seconds: On the node itself, GPU included; 0.001 to 86,400.
        assumptions: Its `parallel_queries` and `efficiency` are used.

    Raises:
        ConfigError: The time is NaN or outside its domain.

    Source:
        Guide §2.5, the table of inference times, which leaves the GPU factor out.
    """
    _INFERENCE_SECONDS.check("inference_seconds", inference_seconds)
    serial = SECONDS_PER_HOUR / inference_seconds
    return serial * assumptions.parallel_queries * assumptions.efficiency


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCapacity:
    """What the guide's three CPU machines answer together.

    Attributes:
        cpu_seconds: One answer on one machine.
        distributed_seconds: One answer over two machines.
        raw_queries_per_hour: Both machines, before overheads.
        queries_per_hour: After overheads.
        queries_per_day: The same, for a day.
        users: Users whose daily questions fit.
    """

    cpu_seconds: float
    distributed_seconds: float
    raw_queries_per_hour: float
    queries_per_hour: float
    queries_per_day: float
    users: float

    def coverage(self, wanted: Demand, rounding: Rounding = Rounding.EXACT) -> float:
        """Return the share of the demand's users that are served; 1 when there are none."""
        return carried(self.users / wanted.users, rounding, digits=2) if wanted.users else 1.0


def demo_capacity(assumptions: Assumptions, rounding: Rounding = Rounding.EXACT) -> DemoCapacity:
    """Return what one orchestrator and two CPU machines answer.

    Source:
        Guide §4.1, formula 4.1. It counts both machines as answering on their own; as a pipeline
        whose halves take 30 % and 70 % of the time they would answer less.
    """
    cpu = assumptions.inference_seconds / assumptions.cpu_speed_ratio
    distributed = cpu * assumptions.distribution_overhead
    raw = carried(DEMO_COMPUTE_NODES * SECONDS_PER_HOUR / distributed, rounding)
    stable = carried(raw * assumptions.efficiency, rounding)
    a_day = carried(stable * HOURS_PER_DAY, rounding)
    per_user = assumptions.queries_per_user_per_day
    return DemoCapacity(
        cpu_seconds=cpu,
        distributed_seconds=distributed,
        raw_queries_per_hour=raw,
        queries_per_hour=stable,
        queries_per_day=a_day,
        users=carried(a_day / per_user, rounding) if per_user else 0.0,
    )
