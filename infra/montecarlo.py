"""What a scenario earns when its assumptions are only known to lie in ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.arrays import numpy_module
from infra.chain import chain
from infra.declaration import Phase
from infra.domain import Interval
from infra.ranges import NORMAL, VARIED, LogNormal, Ranged, Triangular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from infra.cases import Case

    Column = NDArray[np.float64]

SCENARIOS = Interval(1_000, 10_000_000)  # each takes 60 bytes: 0.6 GiB at most
DEFAULT_SCENARIOS = 100_000
_CHUNK = 2**16  # half a MiB an array: they stay in the cache
_QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
_NAMES = ("p5", "p25", "p50", "p75", "p95", "mean")
_TABLE = 4_097  # points of the normal distribution; between them a straight line errs by 1e-6
_FIGURES = (
    "users",
    "peak_queries_per_hour",
    "nodes",
    "cost_usd",
    "revenue_usd",
    "profit_usd",
    "payback_months",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Percentiles and the mean of a figure over the scenarios."""

    p5: float
    p25: float
    p50: float
    p75: float
    p95: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MonteCarlo:
    """What scenarios drawn from ranges give.

    Attributes:
        nodes: Of fleets sized for each scenario.
        payback_months: Of the scenarios that pay back; None when none does.
        never_pays_share: Of the scenarios, without profit.
        profitable_share: Of the scenarios, with profit.
        carried_share: Of the scenarios, whose peak the fleet of the values in force carries at
            full load, in whatever time; None for the demo, whose load is what it carries.
    """

    scenarios: int
    seed: int
    users: Distribution
    peak_queries_per_hour: Distribution
    nodes: Distribution
    cost_usd: Distribution
    revenue_usd: Distribution
    profit_usd: Distribution
    payback_months: Distribution | None
    never_pays_share: float
    profitable_share: float
    carried_share: float | None


def monte_carlo(
    case: Case, ranges: Sequence[Ranged], *, scenarios: int = DEFAULT_SCENARIOS, seed: int = 0
) -> MonteCarlo:
    """Draw every ranged key independently and follow each draw to its profit.

    The fleet of each scenario is sized for its own peak, as `Case.outcome` does.

    Args:
        case: What is in force for all other keys.
        ranges: From `Case.ranges`.
        scenarios: 1,000 to 10 million.
        seed: The same seed gives the same draws of a key, whatever the others' ranges.

    Raises:
        ConfigError: numpy is missing, or scenarios or seed are out of range.
    """
    SCENARIOS.check("scenarios", scenarios)
    Interval(0, 2**63 - 1).check("seed", seed)
    numpy = numpy_module()
    follow = chain(case)
    kept = numpy.empty((len(_FIGURES), scenarios))
    carried = 0
    for place, drawn in draws(ranges, scenarios=scenarios, seed=seed):
        figures = follow.figures({**case.in_force, **drawn})
        for row, name in zip(kept, _FIGURES, strict=True):
            row[place] = getattr(figures, name)
        width = place.stop - place.start
        carried += int(numpy.broadcast_to(figures.carried, width).sum())
    is_demo = case.scenario.phase is Phase.DEMO
    return _summed_up(kept, seed, None if is_demo else carried / scenarios)


def draws(
    ranges: Sequence[Ranged], *, scenarios: int, seed: int, chunk: int = _CHUNK
) -> Iterator[tuple[slice, Mapping[str, Column]]]:
    """Yield the values of each ranged key, part by part; the parts' size does not change them."""
    numpy = numpy_module()
    order = list(VARIED)
    drawn = [
        (ranged.key, _quantiles(ranged), numpy.random.default_rng((seed, order.index(ranged.key))))
        for ranged in ranges
    ]
    for start in range(0, scenarios, chunk):
        place = slice(start, min(start + chunk, scenarios))
        size = place.stop - place.start
        yield place, {key: quantile(random.random(size)) for key, quantile, random in drawn}


def _quantiles(ranged: Ranged) -> Any:  # noqa: ANN401 - a function of arrays
    if isinstance(ranged.spread, Triangular):
        return _triangular(ranged.spread)
    return _log_normal(ranged.spread, ranged.domain)


def _triangular(spread: Triangular) -> Any:  # noqa: ANN401
    numpy = numpy_module()
    low, high = spread.low, spread.high
    mode = low if spread.mode is None else spread.mode
    up, down, whole = mode - low, high - mode, high - low

    def quantile(share: Column) -> Column:
        rising = low + numpy.sqrt(share * (whole * up))
        falling = high - numpy.sqrt((1 - share) * (whole * down))
        result: Column = numpy.where(share * whole < up, rising, falling)
        return result

    return quantile


def _log_normal(spread: LogNormal, domain: Interval) -> Any:  # noqa: ANN401
    numpy = numpy_module()
    deviations = numpy.linspace(*spread.deviations(domain), _TABLE)
    below = numpy.array([NORMAL.cdf(each) for each in deviations.tolist()])

    def quantile(share: Column) -> Column:
        inside = below[0] + share * (below[-1] - below[0])
        drawn = spread.median * numpy.exp(spread.sigma * numpy.interp(inside, below, deviations))
        result: Column = numpy.clip(drawn, domain.low, domain.high)
        return result

    return quantile


def _summed_up(kept: Column, seed: int, carried_share: float | None) -> MonteCarlo:
    numpy = numpy_module()
    scenarios = kept.shape[1]
    columns = dict(zip(_FIGURES, kept, strict=True))
    profitable = int(numpy.count_nonzero(columns["profit_usd"] > 0))
    months = columns.pop("payback_months")
    return MonteCarlo(
        scenarios=scenarios,
        seed=seed,
        payback_months=_distribution(months[~numpy.isnan(months)]) if profitable else None,
        never_pays_share=(scenarios - profitable) / scenarios,
        profitable_share=profitable / scenarios,
        carried_share=carried_share,
        **{name: _distribution(column) for name, column in columns.items()},
    )


def _distribution(column: Column) -> Distribution:
    numpy = numpy_module()
    mean = float(column.mean())  # before the quantiles put the column in another order
    quantiles = numpy.quantile(column, _QUANTILES, overwrite_input=True)
    return Distribution(**dict(zip(_NAMES, (*map(float, quantiles), mean), strict=True)))
