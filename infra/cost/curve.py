"""A phase's monthly cost for a million fleets and loads, from a few priced bills."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from infra.arrays import numpy_module
from infra.capacity.assumptions import Assumptions
from infra.cost.bill import egress_edges_gb
from infra.cost.estimate import estimate
from infra.cost.traffic import traffic
from infra.domain import AMOUNT
from infra.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from infra.arrays import Numbers
    from infra.declaration import PhaseConfig
    from infra.pricing.catalogue import PriceBook

_KIB_PER_GIB = 2**20
_NOISE = 1e-12  # of a slope: where it changes by less, it does not
_SECONDS = next(
    item.metadata["domain"] for item in fields(Assumptions) if item.name == "inference_seconds"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostCurve:
    """What a month costs, as straight lines.

    A line of the bill grows with the pipelines or with the queries, never with both. What grows
    with pipelines is the same for each in its region, and they join the regions in turn. What
    grows with queries is straight between two edges of the tiers of egress, save that a balancer
    counts open connections where answers take minutes.

    Attributes:
        first_usd: Without queries: as many pipelines as regions, one more, and so on up to one
            less than twice as many.
        turn_usd: One more pipeline in every region.
        bends: Average queries an hour, and what each beyond them costs more, in USD a month.
        slow_seconds: Inference from which on open connections count.
        slow_usd: Of a query an hour, for each second beyond.
    """

    first_usd: tuple[float, ...]
    turn_usd: float
    bends: tuple[tuple[float, float], ...]
    slow_seconds: float
    slow_usd: float

    def monthly_usd(
        self,
        pipelines: Numbers,
        queries_per_hour: Numbers,
        inference_seconds: Numbers,
    ) -> Numbers:
        """Return the cost of each fleet at its load.

        Args:
            pipelines: Whole; at least as many as regions.
            queries_per_hour: Of the average hour.
            inference_seconds: On the reference machine.
        """
        numpy = numpy_module()
        regions = len(self.first_usd)
        turns, rest = numpy.divmod(pipelines - regions, regions)
        usd = numpy.asarray(self.first_usd)[rest] + turns * self.turn_usd
        for start, slope in self.bends:
            usd = usd + slope * numpy.maximum(queries_per_hour - start, 0)
        if self.slow_usd:
            beyond = numpy.maximum(inference_seconds - self.slow_seconds, 0)
            usd = usd + self.slow_usd * queries_per_hour * beyond
        return usd


def cost_curve(
    config: PhaseConfig,
    resized: Callable[[int], PhaseConfig],
    book: PriceBook,
    assumptions: Assumptions,
) -> CostCurve:
    """Return the curve of a phase; every figure in it is an estimate or a difference of two.

    Args:
        config: The phase, of any size.
        resized: The same with so many pipelines.
        book: The prices.
        assumptions: Inference time and peak multiplier are not read: they vary along the curve.
    """
    quick = replace(assumptions, peak_multiplier=1, inference_seconds=_SECONDS.low)
    regions = len(config.regions)

    def usd(pipelines: int) -> Decimal:
        return _usd(resized(pipelines), 0, book, quick)

    first = [usd(regions + more) for more in range(regions)]
    slow_seconds, slow_usd = _slow(config, book, quick)
    return CostCurve(
        first_usd=tuple(float(each) for each in first),
        turn_usd=float(usd(2 * regions) - first[0]),
        bends=_bends(config, book, quick),
        slow_seconds=slow_seconds,
        slow_usd=slow_usd,
    )


def _usd(
    config: PhaseConfig, queries_per_hour: float, book: PriceBook, assumptions: Assumptions
) -> Decimal:
    return estimate(_loaded(config, queries_per_hour), book, assumptions).monthly_usd


def _loaded(config: PhaseConfig, queries_per_hour: float) -> PhaseConfig:
    target = replace(
        config.target,
        peak_queries_per_hour=queries_per_hour,
        highest_peak_queries_per_hour=queries_per_hour,
    )
    return replace(config, target=target)


def _bends(
    config: PhaseConfig, book: PriceBook, assumptions: Assumptions
) -> tuple[tuple[float, float], ...]:
    knots = [0.0, *_edges(config, assumptions)]
    knots.append(2 * knots[-1] or 1.0)
    costs = [_usd(config, knot, book, assumptions) for knot in knots]
    bends, before = [], 0.0
    for (start, end), (less, more) in zip(pairwise(knots), pairwise(costs), strict=True):
        slope = float(more - less) / (end - start)
        if abs(slope - before) > _NOISE * abs(slope):
            bends.append((start, slope - before))
            before = slope
    return tuple(bends)


def _edges(config: PhaseConfig, assumptions: Assumptions) -> list[float]:
    """Return the average queries an hour whose answers reach an edge of the tiers."""
    month_kib = assumptions.response_kib * HOURS_PER_MONTH
    if not month_kib:
        return []
    edges = (
        float(edge) * _KIB_PER_GIB / month_kib for edge in egress_edges_gb(len(config.regions))
    )
    return [edge for edge in edges if 2 * edge <= AMOUNT.high]  # no load gets beyond


def _slow(config: PhaseConfig, book: PriceBook, quick: Assumptions) -> tuple[float, float]:
    """Return from which inference time on a balancer counts connections, and what a second costs.

    Its capacity units are the largest of three; only one of them grows with the seconds.
    """
    slow = replace(quick, inference_seconds=_SECONDS.high)
    one = _loaded(config, 1)
    more = estimate(one, book, slow).monthly_usd - estimate(one, book, quick).monthly_usd
    if not more:
        return _SECONDS.high, 0.0
    units = [traffic(one, each).capacity_units for each in (quick, slow)]
    start = _SECONDS.high * float(units[0] / units[1])
    return start, float(more) / (_SECONDS.high - start)
