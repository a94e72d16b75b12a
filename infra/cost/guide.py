"""What the guide says a phase costs; it counts instances only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from infra.declaration import Phase
from infra.purchase import Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideCost:
    """A figure of the guide, in USD a month, as a range.

    Attributes:
        section: Where it stands.
        what: Under which condition.
        instances: Whether it is the cost of instances; else it stands beside them.
    """

    section: str
    what: str
    low_usd: Decimal
    high_usd: Decimal
    instances: bool = True


def _cost(section: str, what: str, low: int, high: int) -> GuideCost:
    return GuideCost(section=section, what=what, low_usd=Decimal(low), high_usd=Decimal(high))


_BY_PURCHASE = {
    (Phase.DEMO, 0): _cost("§4.1", "on demand", 360, 360),
    (Phase.MVP, 0): _cost("§5.1", "on demand", 1_890, 2_268),
    (Phase.MVP, 1): _cost("§5.1", "reserved, 1 year", 1_115, 1_338),
    (Phase.PRODUCTION, 1): _cost("§5.1", "reserved, 1 year", 2_676, 3_345),
    (Phase.PRODUCTION, 3): _cost("§5.1", "reserved, 3 years", 1_728, 2_160),
    (Phase.ENTERPRISE, 3): _cost("§5.1", "reserved, 3 years", 3_600, 5_040),
}
_MVP_SPOT = _cost("§5.1", "spot", 567, 864)
_IN_ROI = {
    Phase.MVP: _cost("§5.2", "cost in the ROI model", 1_227, 1_227),
    Phase.PRODUCTION: _cost("§5.2", "cost in the ROI model", 3_011, 3_011),
    Phase.ENTERPRISE: _cost("§5.2", "cost in the ROI model", 4_320, 4_320),
}
_SUPPORT = replace(_cost("§5.1", "enterprise support, beside it", 2_000, 3_000), instances=False)


def guide_costs(phase: Phase, purchase: Purchase) -> tuple[GuideCost, ...]:
    """Return the guide's figures for a phase bought this way, the most fitting first."""
    if purchase is Purchase.SPOT:
        found = [_MVP_SPOT] if phase is Phase.MVP else []
    else:
        same = _BY_PURCHASE.get((phase, purchase.years))
        found = [same] if same else []
    if phase in _IN_ROI:
        found.append(_IN_ROI[phase])
    if phase is Phase.ENTERPRISE:
        found.append(_SUPPORT)
    return tuple(found)
