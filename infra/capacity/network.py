"""The Qubic network's own figures, and how busy they say it is (guide §1.1, 1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.capacity.rounding import Rounding, carried
from infra.domain import AMOUNT
from infra.errors import ConfigError
from infra.units import SECONDS_PER_DAY

if TYPE_CHECKING:
    from infra.capacity.assumptions import Assumptions

_COUNTS = (
    "timestamp",
    "epoch",
    "tick",
    "ticks_in_epoch",
    "empty_ticks_in_epoch",
    "circulating_supply_qu",
    "active_addresses",
    "burned_qu",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkMetrics:
    """One observation of the network.

    Attributes:
        source: Where the figures come from, in words.
        timestamp: When they were observed, in Unix seconds.

    Raises:
        ConfigError: A figure is negative, not finite, or there are more empty ticks than ticks.
    """

    source: str
    timestamp: int
    epoch: int
    tick: int
    ticks_in_epoch: int
    empty_ticks_in_epoch: int
    circulating_supply_qu: int
    active_addresses: int
    price_usd: Decimal
    market_cap_usd: Decimal
    burned_qu: int

    def __post_init__(self) -> None:
        for name in (*_COUNTS, "price_usd", "market_cap_usd"):
            AMOUNT.check(name, getattr(self, name))
        if self.empty_ticks_in_epoch > self.ticks_in_epoch:
            raise ConfigError(
                f"empty_ticks_in_epoch is {self.empty_ticks_in_epoch}: "
                f"more than the epoch's {self.ticks_in_epoch} ticks"
            )

    @property
    def observed_on(self) -> date:
        """The day of the observation, in UTC."""
        return datetime.fromtimestamp(self.timestamp, tz=UTC).date()

    @property
    def tick_efficiency(self) -> float:
        """Share of the epoch's ticks that are not empty; 0 before its first tick.

        The guide also calls it the epoch's tick quality, in percent.

        Source:
            Guide §1.2, formula 1.1.
        """
        if not self.ticks_in_epoch:
            return 0.0
        return (self.ticks_in_epoch - self.empty_ticks_in_epoch) / self.ticks_in_epoch


GUIDE_NETWORK = NetworkMetrics(
    source="guide v3.0 §1.1, measured 2025-08-21",
    timestamp=1_755_765_984,
    epoch=175,
    tick=31_536_381,
    ticks_in_epoch=36_381,
    empty_ticks_in_epoch=4_069,
    circulating_supply_qu=155_563_915_170_467,
    active_addresses=592_711,
    price_usd=Decimal("0.000002727"),
    market_cap_usd=Decimal(424_222_802),
    burned_qu=19_436_084_829_533,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkActivity:
    """How busy the network is; `utilisation` is efficiency times addresses in millions."""

    tick_efficiency: float
    effective_ticks_per_day: float
    transactions_per_day: float
    utilisation: float


def network_activity(
    metrics: NetworkMetrics, assumptions: Assumptions, rounding: Rounding = Rounding.EXACT
) -> NetworkActivity:
    """Return ticks and transactions a day, and the network's utilisation.

    Args:
        metrics: The observation.
        assumptions: Its `ticks_per_second` and `transactions_per_tick` are used.
        rounding: As the guide, efficiency is carried with four digits into the ticks, but with
            three into the utilisation: only 0.888 gives the 0.5263 it prints.

    Source:
        Guide §1.2, formulas 1.1 and 1.2.
    """
    efficiency = carried(metrics.tick_efficiency, rounding, digits=4)
    ticks = carried(assumptions.ticks_per_second * SECONDS_PER_DAY * efficiency, rounding)
    coarse_efficiency = carried(metrics.tick_efficiency, rounding, digits=3)
    return NetworkActivity(
        tick_efficiency=efficiency,
        effective_ticks_per_day=ticks,
        transactions_per_day=carried(ticks * assumptions.transactions_per_tick, rounding),
        utilisation=carried(
            coarse_efficiency * metrics.active_addresses / 1_000_000, rounding, digits=4
        ),
    )
