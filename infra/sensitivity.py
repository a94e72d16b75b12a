"""Which assumption moves a scenario's profit the most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.cases import Case, Outcome
    from infra.ranges import Ranged


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A scenario with one key at the low and at the high end of its range, all else in force."""

    ranged: Ranged
    low: Outcome
    high: Outcome

    @property
    def swing_usd(self) -> float:
        """How far apart both profits are, a month."""
        return abs(self.high.roi.profit_usd - self.low.roi.profit_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tornado:
    """A scenario's bars, the widest first.

    Attributes:
        in_force: With nothing moved.
    """

    in_force: Outcome
    bars: tuple[Bar, ...]


def tornado(case: Case, ranges: Iterable[Ranged]) -> Tornado:
    """Return what each range does to the profit on its own; the fleet is sized for each end.

    Raises:
        ConfigError: An end is outside its domain.
    """
    bars = [
        Bar(
            ranged=ranged,
            low=case.outcome({ranged.key: low}),
            high=case.outcome({ranged.key: high}),
        )
        for ranged in ranges
        for low, high in (ranged.ends,)
    ]
    bars.sort(key=lambda bar: -bar.swing_usd)
    return Tornado(in_force=case.outcome(), bars=tuple(bars))
