from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cases import Case
from infra.chain import chain
from infra.declaration import Phase
from infra.pricing.catalogue import packaged_prices
from infra.purchase import Purchase
from infra.ranges import VARIED
from infra.roi import GUIDE_SCENARIOS, Plan, Scenario

BOOK = packaged_prices()
GUIDE = Assumptions()
MONEY = ("cost_usd", "revenue_usd", "profit_usd")


def case_of(
    scenario: Scenario, purchase: Purchase | None = None, assumptions: Assumptions = GUIDE
) -> Case:
    return Case(
        scenario=scenario,
        metrics=GUIDE_NETWORK,
        assumptions=assumptions,
        book=BOOK,
        purchase=purchase,
    )


# From nothing to far beyond the tiers of egress, and to answers that take minutes.
WIDE = {
    "adoption": (0.001, 0.4),
    "queries_per_user_per_day": (0, 2_000),
    "peak_multiplier": (1, 24),
    "ticks_per_second": (0, 10),
    "transactions_per_tick": (0, 1_000),
    "queries_per_transaction": (0, 1),
    "inference_seconds": (0.1, 900),
    "gpu_time_ratio": (0.05, 1),
    "efficiency": (0.05, 1),
    "redundancy": (1, 4),
    "growth": (1, 4),
    "embedding_share": (0.05, 0.95),
    "days_per_month": (28, 31),
    "usd_per_query": (0, 1),
    "conversion": (0, 1),
    "usd_per_month": (0, 100),
    "cost_factor": (0.1, 10),
}


@given(
    phase=st.sampled_from(Phase),
    purchase=st.sampled_from([None, Purchase.ON_DEMAND, Purchase.SPOT]),
    plan=st.sampled_from(Plan),
    response_kib=st.sampled_from([0.0, 4.0, 4_000.0]),
    values=st.fixed_dictionaries({key: st.floats(*ends) for key, ends in WIDE.items()}),
)
@settings(max_examples=300, deadline=None)
def test_the_chain_is_the_scalar_path(
    phase: Phase,
    purchase: Purchase | None,
    plan: Plan,
    response_kib: float,
    values: dict[str, float],
) -> None:
    assert set(values) == set(VARIED)
    scenario = Scenario(phase=phase, adoption=0.05, plan=plan)
    case = case_of(scenario, purchase, Assumptions(response_kib=response_kib))
    exact = case.outcome(values)
    found = chain(case).figures({key: np.array([value]) for key, value in values.items()})
    assert int(np.broadcast_to(found.nodes, 1)[0]) == exact.nodes
    assert float(found.peak_queries_per_hour[0]) == pytest.approx(exact.peak_queries_per_hour)
    scale = exact.roi.cost_usd + exact.roi.revenue_usd
    for name in MONEY:
        assert float(getattr(found, name)[0]) == pytest.approx(
            getattr(exact.roi, name), rel=1e-9, abs=1e-9 * scale
        )


@pytest.mark.parametrize("scenario", GUIDE_SCENARIOS)
def test_in_force_the_chain_is_the_row_of_the_table(scenario: Scenario) -> None:
    case = case_of(scenario)
    exact, found = case.outcome(), chain(case).figures(case.in_force)
    assert found.nodes == exact.nodes
    assert found.peak_queries_per_hour == exact.peak_queries_per_hour
    assert found.revenue_usd == exact.roi.revenue_usd
    assert float(found.cost_usd) == pytest.approx(exact.roi.cost_usd, rel=1e-12)
    assert found.carried
