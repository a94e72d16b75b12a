"""How far the figures of a return may lie from what is assumed, and where each range comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import TYPE_CHECKING

from infra.capacity.assumptions import Assumptions
from infra.capacity.model import ADOPTIONS, INFERENCE_SECONDS
from infra.domain import Interval, unknown
from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

NORMAL = NormalDist()
_WIDEST_SIGMA = 3
_USD = Interval(0, 1e6)
_DOMAINS = {item.name: item.metadata["domain"] for item in fields(Assumptions)}

# What enters demand, nodes and revenue, each with its domain. The other assumptions have no range:
# answers at once are whole, and traffic per query, disks and the demo's machines are the bill's.
VARIED: Mapping[str, Interval] = {
    **{
        name: _DOMAINS[name]
        for name in (
            "adoption",
            "queries_per_user_per_day",
            "peak_multiplier",
            "ticks_per_second",
            "transactions_per_tick",
            "queries_per_transaction",
            "inference_seconds",
            "gpu_time_ratio",
            "efficiency",
            "redundancy",
            "growth",
            "embedding_share",
            "days_per_month",
        )
    },
    "usd_per_query": _USD,
    "conversion": Interval(0, 1),
    "usd_per_month": _USD,
    "cost_factor": Interval(0.01, 100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Triangular:
    """From `low` to `high`, most likely `mode`.

    Attributes:
        mode: The value in force when None.

    Raises:
        ConfigError: A number is not finite, or they are not in this order.
    """

    low: float
    high: float
    mode: float | None = None

    def __post_init__(self) -> None:
        for name in ("low", "mode", "high"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ConfigError(f"{name} is {value}: must be a finite number")
        if self.low >= self.high:
            raise ConfigError(f"low {self.low:g} is not below high {self.high:g}")
        if self.mode is not None and not self.low <= self.mode <= self.high:
            raise ConfigError(f"mode {self.mode:g} is outside {self.low:g} to {self.high:g}")

    def check(self, domain: Interval) -> None:
        """Pass a range whose every value is allowed.

        Raises:
            ConfigError: An end lies outside.
        """
        domain.check("low", self.low)
        domain.check("high", self.high)

    def centred(self, in_force: float) -> Triangular:
        """Return it with its mode, the value in force if it has none.

        Raises:
            ConfigError: The value in force is outside.
        """
        if self.mode is not None:
            return self
        return Triangular(low=self.low, mode=in_force, high=self.high)

    def ends(self, _: Interval) -> tuple[float, float]:
        """Return its lowest and highest value."""
        return self.low, self.high

    def __str__(self) -> str:
        middle = "" if self.mode is None else f" / {self.mode:g}"
        return f"{self.low:g}{middle} / {self.high:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """Half below `median`; two thirds within a factor e^sigma of it. Cut off at the domain's ends.

    Raises:
        ConfigError: The median is not above 0, or sigma not above 0 and at most 3.
    """

    median: float
    sigma: float

    def __post_init__(self) -> None:
        if not 0 < self.median < math.inf:
            raise ConfigError(f"median is {self.median:g}: must be a finite number above 0")
        if not 0 < self.sigma <= _WIDEST_SIGMA:
            raise ConfigError(
                f"sigma is {self.sigma:g}: must be above 0 and at most {_WIDEST_SIGMA}"
            )

    def check(self, domain: Interval) -> None:
        """Pass a range whose median is allowed; what lies beyond the domain is cut off.

        Raises:
            ConfigError: The median lies outside.
        """
        domain.check("median", self.median)

    def centred(self, _: float) -> LogNormal:
        """Return it as it is: its median is its own."""
        return self

    def ends(self, domain: Interval) -> tuple[float, float]:
        """Return the 5th and 95th percentile of what lies in the domain."""
        below, above = (NORMAL.cdf(deviation) for deviation in self.deviations(domain))
        low, high = (
            self.median * math.exp(self.sigma * NORMAL.inv_cdf(below + share * (above - below)))
            for share in (0.05, 0.95)
        )
        return low, high

    def deviations(self, domain: Interval) -> tuple[float, float]:
        """Return the domain's ends in standard deviations of the logarithm, 7 at most."""
        low, high = (
            math.log(end / self.median) / self.sigma if end > 0 else -math.inf
            for end in (domain.low, domain.high)
        )
        return max(low, -7.0), min(high, 7.0)

    def __str__(self) -> str:
        return f"~{self.median:g}, sigma {self.sigma:g}"


Spread = Triangular | LogNormal


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A range as somebody gave it, and who did."""

    spread: Spread
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A key's range.

    Raises:
        ConfigError: It leaves the domain.
    """

    key: str
    spread: Spread
    domain: Interval
    source: str

    def __post_init__(self) -> None:
        try:
            self.spread.check(self.domain)
        except ConfigError as error:
            raise ConfigError(f"{self.source}: {self.key}: {error}") from error

    @property
    def ends(self) -> tuple[float, float]:
        """The values between which a tornado shows it."""
        return self.spread.ends(self.domain)


def domain_of(key: str) -> Interval:
    """Return which values a key's range may have.

    Raises:
        ConfigError: The key is unknown, or has no range.
    """
    if key in VARIED:
        return VARIED[key]
    if key in _DOMAINS:
        raise ConfigError(
            f"{key} has no range: it enters neither demand nor revenue, or is a whole number",
            hint=f"Change it with --assume; ranges are for {', '.join(sorted(VARIED))}.",
        )
    raise unknown("range of", key, VARIED)


_GUIDE_ROWS = "guide v3.0 §2.5, first and last row of the table"
# Ours until somebody measures them: half to twice the guide's questions; a day from even to
# bursty; as likely to convert half as half more; list prices that taxes and idle hours raise.
ASSUMED_QUERIES_PER_USER_PER_DAY = (2.0, 8.0)
ASSUMED_PEAK_MULTIPLIER = (2.0, 5.0)
ASSUMED_CONVERSION_FACTORS = (0.5, 1.5)
ASSUMED_COST_FACTOR = (0.9, 1.2)


def default_ranges(
    in_force: Mapping[str, float], domains: Mapping[str, Interval]
) -> dict[str, Stated]:
    """Return the ranges of what nobody gave a range; the mode is the value in force.

    One that would not hold the value in force is widened up to it; one that would leave its domain
    is cut off there.

    Args:
        in_force: The value of every key of `VARIED`.
        domains: The domain of each.
    """
    half, more = (factor * in_force["conversion"] for factor in ASSUMED_CONVERSION_FACTORS)
    ends = {
        "adoption": ((ADOPTIONS[0], ADOPTIONS[-1]), f"{_GUIDE_ROWS} of adoption"),
        "inference_seconds": (
            (INFERENCE_SECONDS[0], INFERENCE_SECONDS[-1]),
            f"{_GUIDE_ROWS} of inference times",
        ),
        "queries_per_user_per_day": (
            ASSUMED_QUERIES_PER_USER_PER_DAY,
            "assumed: half to twice the guide's four questions",
        ),
        "peak_multiplier": (ASSUMED_PEAK_MULTIPLIER, "assumed: from an even day to a bursty one"),
        "conversion": ((half, more), "assumed: half to one and a half times the plan's"),
        "cost_factor": (ASSUMED_COST_FACTOR, "assumed: discounts, taxes and what has no price"),
    }
    return {key: _around(in_force[key], domains[key], *found) for key, found in ends.items()}


def _around(in_force: float, domain: Interval, ends: tuple[float, float], source: str) -> Stated:
    low = max(min(ends[0], in_force), domain.low)
    high = min(max(ends[1], in_force), domain.high)
    moved = "" if (low, high) == ends else ", moved to hold the value in force and stay allowed"
    return Stated(spread=Triangular(low=low, mode=in_force, high=high), source=f"{source}{moved}")
