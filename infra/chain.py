"""From addresses to profit for many scenarios at once: the formulas of `Case.outcome`, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.arrays import numpy_module
from infra.capacity.assumptions import Assumptions
from infra.capacity.demand import demand
from infra.capacity.hardware import demo_capacity
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.rounding import whole_nodes_each
from infra.cost.curve import CostCurve, cost_curve
from infra.declaration import Phase
from infra.phases import SPARE_PIPELINES, phase_config
from infra.roi import MONTHS_PER_YEAR
from infra.units import HOURS_PER_DAY, SECONDS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.arrays import Numbers
    from infra.cases import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A figure of each scenario, as an array; one that nothing moves is a number.

    Attributes:
        users: Addresses that ask.
        nodes: Instances and cache nodes, sized for the peak.
        cost_usd: A month, as the other money.
        payback_months: NaN where it never pays back.
        carried: Whether the fleet of the values in force would carry the peak at full load.
    """

    users: Numbers
    peak_queries_per_hour: Numbers
    nodes: Numbers
    cost_usd: Numbers
    revenue_usd: Numbers
    profit_usd: Numbers
    payback_months: Numbers
    carried: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A case, with all that does not vary computed once.

    Attributes:
        begins_with: Peak of the phase on the guide's own network and assumptions; of the demo,
            what it carries in force.
        guide_peak: The demand's peak there.
        pipelines: Of the fleet in force.
        nodes: Of a fleet without pipelines, and of each pipeline.
    """

    case: Case
    begins_with: float
    guide_peak: float
    pipelines: int
    nodes: tuple[int, int]
    curve: CostCurve

    def figures(self, values: Mapping[str, Numbers]) -> Figures:
        """Return the figures of the scenarios that these values make.

        Args:
            values: A number or an array for every key of `infra.ranges.VARIED`.
        """
        numpy = numpy_module()
        peak, rate = self._peak(values), self._pipeline_queries_per_hour(values)
        pipelines = self._pipelines(values, peak / rate)
        cost = values["cost_factor"] * self.curve.monthly_usd(
            pipelines, peak / values["peak_multiplier"], values["inference_seconds"]
        )
        users = self.case.metrics.active_addresses * values["adoption"]
        revenue = users * _per_user(values)
        profit = revenue - cost
        return Figures(
            users=users,
            peak_queries_per_hour=peak,
            nodes=self.nodes[0] + self.nodes[1] * pipelines,
            cost_usd=cost,
            revenue_usd=revenue,
            profit_usd=profit,
            payback_months=cost * MONTHS_PER_YEAR / numpy.where(profit > 0, profit, numpy.nan),
            carried=peak <= self.pipelines * rate,
        )

    def _peak(self, values: Mapping[str, Numbers]) -> Numbers:
        if self._is_demo:
            assumed = self.case.assumptions
            quicker = assumed.inference_seconds / values["inference_seconds"]
            leaner = values["efficiency"] / assumed.efficiency
            return self.begins_with * quicker * leaner
        asked = self._queries_per_day(values) / HOURS_PER_DAY * values["peak_multiplier"]
        return self.begins_with * (asked / self.guide_peak)

    def _queries_per_day(self, values: Mapping[str, Numbers]) -> Numbers:
        metrics, own = self.case.metrics, self.case.scenario.adoption
        moved = values["adoption"] / own if own else 1.0
        users = metrics.active_addresses * (self.case.assumptions.adoption * moved)
        ticks = values["ticks_per_second"] * SECONDS_PER_DAY * metrics.tick_efficiency
        transactions = ticks * values["transactions_per_tick"]
        return numpy_module().maximum(
            users * values["queries_per_user_per_day"],
            transactions * values["queries_per_transaction"],
        )

    def _pipeline_queries_per_hour(self, values: Mapping[str, Numbers]) -> Numbers:
        if self._is_demo:  # one pipeline, whose load is what it carries (§4.1)
            return self._peak(values)
        seconds = values["inference_seconds"] * values["gpu_time_ratio"]
        parallel = SECONDS_PER_HOUR / seconds * self.case.assumptions.parallel_queries
        share = values["embedding_share"]
        return parallel * values["efficiency"] / numpy_module().maximum(share, 1 - share)

    def _pipelines(self, values: Mapping[str, Numbers], load: Numbers) -> Numbers:
        if self._is_demo:
            return 1
        whole = whole_nodes_each(load * values["redundancy"] * values["growth"])
        least = len(self.curve.first_usd)
        return numpy_module().maximum(whole, least) + SPARE_PIPELINES

    @property
    def _is_demo(self) -> bool:
        return self.case.scenario.phase is Phase.DEMO


def chain(case: Case) -> Chain:
    """Return a case's chain; its prices come from a few estimates of its own phase."""
    assumptions = case.assumptions
    config = case.declared(assumptions)
    regions = len(config.regions)
    small, large = (case.declared(assumptions, count * regions).counts.total for count in (1, 2))
    each = (large - small) // regions
    is_demo = case.scenario.phase is Phase.DEMO
    of_guide = phase_config(case.scenario.phase, GUIDE_NETWORK, Assumptions())
    return Chain(
        case=case,
        begins_with=(
            demo_capacity(assumptions).queries_per_hour
            if is_demo
            else of_guide.target.peak_queries_per_hour
        ),
        guide_peak=demand(GUIDE_NETWORK, Assumptions()).peak_queries_per_hour,
        pipelines=config.counts.transformer,
        nodes=(small - each * regions, each),
        curve=cost_curve(
            config, lambda count: case.declared(assumptions, count), case.book, assumptions
        ),
    )


def _per_user(values: Mapping[str, Numbers]) -> Numbers:
    queries = values["queries_per_user_per_day"] * values["days_per_month"]
    paid = queries * values["usd_per_query"] + values["usd_per_month"]
    return values["conversion"] * paid
