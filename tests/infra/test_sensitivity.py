from __future__ import annotations

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cases import Case
from infra.pricing.catalogue import packaged_prices
from infra.ranges import Stated, Triangular
from infra.roi import GUIDE_SCENARIOS, Scenario
from infra.sensitivity import tornado

BOOK = packaged_prices()
GUIDE = Assumptions()


def case_of(scenario: Scenario, assumptions: Assumptions = GUIDE) -> Case:
    return Case(scenario=scenario, metrics=GUIDE_NETWORK, assumptions=assumptions, book=BOOK)


def test_the_widest_bar_comes_first() -> None:
    case = case_of(GUIDE_SCENARIOS[1])
    found = tornado(case, case.ranges({}))
    swings = [bar.swing_usd for bar in found.bars]
    assert swings == sorted(swings, reverse=True)
    assert found.bars[0].ranged.key == "adoption"
    assert found.in_force == case.outcome()


def test_each_bar_moves_one_key_through_the_exact_path() -> None:
    case = case_of(GUIDE_SCENARIOS[1])
    stated = {"cost_factor": Stated(spread=Triangular(low=0.5, mode=1, high=2), source="a test")}
    bar = next(b for b in tornado(case, case.ranges(stated)).bars if b.ranged.key == "cost_factor")
    own = case.outcome().roi
    assert bar.low.roi.cost_usd == own.cost_usd / 2
    assert bar.high.roi.profit_usd == pytest.approx(own.revenue_usd - 2 * own.cost_usd)
    assert bar.high.roi.payback_months == pytest.approx(
        24 * own.cost_usd / (own.revenue_usd - 2 * own.cost_usd)
    )
