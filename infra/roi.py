"""What a phase earns for what it costs (guide §5.2), as printed and corrected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.declaration import Phase
from infra.domain import AMOUNT, Interval, unknown

if TYPE_CHECKING:
    from infra.capacity.assumptions import Assumptions
    from infra.capacity.network import NetworkMetrics

MONTHS_PER_YEAR = 12


class Plan(StrEnum):
    """The guide's price plans."""

    FREEMIUM = "freemium"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """What a plan's customers pay.

    Attributes:
        usd_per_query: Of a paying user's query.
        conversion: Share of the users who pay; 0 to 1.
        usd_per_month: Fee of each paying user beside the queries.
    """

    usd_per_query: float
    conversion: float
    usd_per_month: float = 0.0


PRICING = {
    Plan.FREEMIUM: Pricing(usd_per_query=0.005, conversion=0.05),
    Plan.PREMIUM: Pricing(usd_per_query=0.02, conversion=0.20),
    Plan.ENTERPRISE: Pricing(usd_per_query=0.05, conversion=0.40, usd_per_month=1_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A phase, the share of addresses that ask, and what they pay.

    Raises:
        ConfigError: The adoption is not a number from 0 to 1.
    """

    phase: Phase
    adoption: float
    plan: Plan

    def __post_init__(self) -> None:
        Interval(0, 1).check("adoption", self.adoption)


GUIDE_SCENARIOS = (
    Scenario(phase=Phase.MVP, adoption=0.025, plan=Plan.FREEMIUM),
    Scenario(phase=Phase.PRODUCTION, adoption=0.05, plan=Plan.PREMIUM),
    Scenario(phase=Phase.ENTERPRISE, adoption=0.10, plan=Plan.ENTERPRISE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roi:
    """A scenario's money, in USD.

    Attributes:
        printed_revenue_usd: A month by the guide's formula, which counts the users twice.
        revenue_usd: A month, with each user's own queries.
        cost_usd: A month.
        profit_usd: A month; negative is a loss.
        return_ratio: A year's profit over a year's cost; None when nothing is spent.
        payback_months: Until the profit has brought back a year's cost; None when it never does.
        break_even_adoption: Share of addresses from which on revenue covers the cost; None when
            not even all of them would.
    """

    scenario: Scenario
    users: float
    printed_revenue_usd: float
    revenue_usd: float
    cost_usd: float
    profit_usd: float
    return_ratio: float | None
    payback_months: float | None
    break_even_adoption: float | None


def plan_named(name: str) -> Plan:
    """Return the plan of this name.

    Raises:
        ConfigError: There is none; the nearest and all plans are named.
    """
    try:
        return Plan(name)
    except ValueError:
        raise unknown("price plan", name, Plan) from None


def roi(
    scenario: Scenario,
    metrics: NetworkMetrics,
    assumptions: Assumptions,
    cost_usd: float,
    *,
    pricing: Pricing | None = None,
) -> Roi:
    """Return revenue, profit and when it pays.

    Departs from guide §5.2, which multiplies the users by the queries of all users: here a user
    asks `queries_per_user_per_day`. `printed_revenue_usd` keeps the guide's formula, with the
    guide's inputs: the queries of all users are those at the assumptions' own adoption.

    Args:
        scenario: Its adoption replaces the assumptions'.
        metrics: Its active addresses are used.
        assumptions: Queries per user and days per month.
        cost_usd: A month of the phase; 0 or more.
        pricing: What customers pay; the plan's own when None.

    Raises:
        ConfigError: The cost is NaN or negative.
    """
    AMOUNT.check("cost_usd", cost_usd)
    pricing = pricing or PRICING[scenario.plan]
    users = metrics.active_addresses * scenario.adoption
    all_queries = (
        metrics.active_addresses * assumptions.adoption * assumptions.queries_per_user_per_day
    )
    revenue = users * _per_user(pricing, assumptions, assumptions.queries_per_user_per_day)
    profit = revenue - cost_usd
    return Roi(
        scenario=scenario,
        users=users,
        printed_revenue_usd=users * _per_user(pricing, assumptions, all_queries),
        revenue_usd=revenue,
        cost_usd=cost_usd,
        profit_usd=profit,
        return_ratio=profit / cost_usd if cost_usd else None,
        payback_months=cost_usd * MONTHS_PER_YEAR / profit if profit > 0 else None,
        break_even_adoption=_break_even(pricing, metrics, assumptions, cost_usd),
    )


def _per_user(pricing: Pricing, assumptions: Assumptions, queries_per_day: float) -> float:
    queries = queries_per_day * assumptions.days_per_month
    return pricing.conversion * (queries * pricing.usd_per_query + pricing.usd_per_month)


def _break_even(
    pricing: Pricing, metrics: NetworkMetrics, assumptions: Assumptions, cost_usd: float
) -> float | None:
    earned = metrics.active_addresses * _per_user(
        pricing, assumptions, assumptions.queries_per_user_per_day
    )
    share = cost_usd / earned if earned else math.inf
    return share if share <= 1 else None
