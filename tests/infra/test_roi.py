from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase
from infra.errors import ConfigError
from infra.roi import GUIDE_SCENARIOS, Plan, Roi, Scenario, plan_named, roi


def of_guide(index: int, cost_usd: float = 1_227) -> Roi:
    return roi(GUIDE_SCENARIOS[index], GUIDE_NETWORK, Assumptions(), cost_usd)


@pytest.mark.parametrize(
    ("index", "printed", "corrected"),
    [(0, 6_683_603, 451), (1, 213_875_293, 14_434), (2, 2_162_461_374, 23_852_777)],
)
def test_the_guides_scenarios(index: int, printed: int, corrected: int) -> None:
    found = of_guide(index)
    assert round(found.printed_revenue_usd) == printed
    assert round(found.revenue_usd) == corrected


def test_the_mvp_loses_money_and_never_pays_back() -> None:
    found = of_guide(0)
    assert round(found.profit_usd) == 451 - 1_227
    assert found.payback_months is None
    assert found.break_even_adoption == pytest.approx(0.025 * 1_227 / 451.05, rel=1e-3)


def test_what_pays_says_when() -> None:
    found = of_guide(1, 3_011)
    assert found.payback_months == pytest.approx(3_011 * 12 / (14_434 - 3_011), rel=1e-3)
    assert found.return_ratio == pytest.approx((14_434 - 3_011) / 3_011, rel=1e-3)


@given(plan=st.sampled_from(Plan), cost=st.floats(0.01, 1e5))
def test_at_the_break_even_adoption_nothing_is_lost_or_won(plan: Plan, cost: float) -> None:
    scenario = Scenario(phase=Phase.MVP, adoption=0.5, plan=plan)
    share = roi(scenario, GUIDE_NETWORK, Assumptions(), cost).break_even_adoption
    if share is not None:
        even = roi(replace(scenario, adoption=share), GUIDE_NETWORK, Assumptions(), cost)
        assert even.profit_usd == pytest.approx(0, abs=1e-6 * cost)


def test_without_users_nothing_breaks_even() -> None:
    empty = replace(GUIDE_NETWORK, active_addresses=0)
    assert roi(GUIDE_SCENARIOS[0], empty, Assumptions(), 10).break_even_adoption is None


@pytest.mark.parametrize("adoption", [-0.1, 1.1, math.nan])
def test_adoption_is_a_share(adoption: float) -> None:
    with pytest.raises(ConfigError, match="adoption is"):
        Scenario(phase=Phase.MVP, adoption=adoption, plan=Plan.PREMIUM)


def test_a_negative_cost_and_an_unknown_plan_are_refused() -> None:
    with pytest.raises(ConfigError, match="cost_usd is -1"):
        of_guide(0, -1)
    with pytest.raises(ConfigError, match="did you mean 'premium'"):
        plan_named("premum")
