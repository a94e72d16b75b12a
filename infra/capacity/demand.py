"""How many questions the network's users ask (guide §2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.network import NetworkMetrics, network_activity
from infra.capacity.rounding import Rounding, carried
from infra.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from infra.capacity.assumptions import Assumptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Questions the fleet must answer.

    Attributes:
        users: Addresses expected to ask.
        user_queries_per_day: Asked by them.
        activity_queries_per_day: Set off by transactions.
        queries_per_day: The larger of the two.
        peak_queries_per_hour: In the busiest hour.
        concurrent_users: At work in the busiest hour.
    """

    users: float
    user_queries_per_day: float
    activity_queries_per_day: float
    queries_per_day: float
    peak_queries_per_hour: float
    concurrent_users: float


def demand(
    metrics: NetworkMetrics, assumptions: Assumptions, rounding: Rounding = Rounding.EXACT
) -> Demand:
    """Return what users and transactions ask for.

    Departs from the guide where transactions ask more than users do: the guide takes the peak from
    the users alone and would plan for nobody at adoption 0. Exact takes it from the larger of the
    two; at the guide's own figures both are the same.

    Source:
        Guide §2.2, formulas 2.1 and 2.2. As the guide, the average hour is rounded to 2,470
        before it is multiplied: only so its 7,410 comes out.
    """
    users = carried(metrics.active_addresses * assumptions.adoption, rounding)
    by_users = carried(users * assumptions.queries_per_user_per_day, rounding)
    transactions = network_activity(metrics, assumptions, rounding).transactions_per_day
    by_activity = carried(transactions * assumptions.queries_per_transaction, rounding)
    larger = max(by_users, by_activity)
    peak = _peak(larger if rounding is Rounding.EXACT else by_users, assumptions, rounding)
    return Demand(
        users=users,
        user_queries_per_day=by_users,
        activity_queries_per_day=by_activity,
        queries_per_day=larger,
        peak_queries_per_hour=peak,
        concurrent_users=_concurrent_users(peak, assumptions, rounding),
    )


def _peak(queries_per_day: float, assumptions: Assumptions, rounding: Rounding) -> float:
    average_queries_per_hour = carried(queries_per_day / HOURS_PER_DAY, rounding)
    return carried(average_queries_per_hour * assumptions.peak_multiplier, rounding)


def _concurrent_users(peak: float, assumptions: Assumptions, rounding: Rounding) -> float:
    queries_per_user = assumptions.queries_per_user_per_day * assumptions.peak_multiplier
    return carried(peak / queries_per_user, rounding) if queries_per_user else 0.0
