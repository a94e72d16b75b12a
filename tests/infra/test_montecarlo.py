from __future__ import annotations

import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cases import Case
from infra.declaration import Phase
from infra.domain import Interval
from infra.errors import ConfigError
from infra.montecarlo import Distribution, MonteCarlo, draws, monte_carlo
from infra.pricing.catalogue import packaged_prices
from infra.ranges import LogNormal, Ranged, Spread, Stated, Triangular
from infra.roi import GUIDE_SCENARIOS, Plan, Scenario

BOOK = packaged_prices()
GUIDE = Assumptions()


def case_of(
    scenario: Scenario = GUIDE_SCENARIOS[0],
    assumptions: Assumptions = GUIDE,
) -> Case:
    return Case(
        scenario=scenario,
        metrics=GUIDE_NETWORK,
        assumptions=assumptions,
        book=BOOK,
    )


def drawn(case: Case, scenarios: int = 10_000, **asked: Spread) -> MonteCarlo:
    stated = {key: Stated(spread=spread, source="a test") for key, spread in asked.items()}
    return monte_carlo(case, case.ranges(stated), scenarios=scenarios)


def column(spread: Spread, domain: Interval, scenarios: int = 200_000) -> Any:
    ranged = Ranged(key="inference_seconds", spread=spread, domain=domain, source="a test")
    parts = draws([ranged], scenarios=scenarios, seed=1)
    return np.concatenate([part["inference_seconds"] for _, part in parts])


def test_the_same_seed_gives_the_same_figures_and_another_does_not() -> None:
    case = case_of()
    ranges = case.ranges({})
    first = monte_carlo(case, ranges, scenarios=2_000, seed=7)
    assert first == monte_carlo(case, ranges, scenarios=2_000, seed=7)
    assert first.profit_usd != monte_carlo(case, ranges, scenarios=2_000, seed=8).profit_usd


def test_the_size_of_the_parts_does_not_change_the_draws() -> None:
    ranges = case_of().ranges({})

    def all_of(chunk: int) -> Any:
        parts = draws(ranges, scenarios=5_000, seed=3, chunk=chunk)
        return np.concatenate([np.array(list(part.values())) for _, part in parts], axis=1)

    assert (all_of(5_000) == all_of(617)).all()


def test_a_range_more_leaves_the_draws_of_the_others() -> None:
    case = case_of()
    growth = {"growth": Stated(spread=Triangular(low=1, high=2), source="a test")}
    (_, one), (_, two) = (
        next(draws(case.ranges(asked), scenarios=1_000, seed=0)) for asked in ({}, growth)
    )
    assert (one["adoption"] == two["adoption"]).all()
    assert set(two) - set(one) == {"growth"}


@pytest.mark.parametrize("mode", [1.0, 3.0, 10.0])
def test_a_triangle_has_its_mean_and_its_quartiles(mode: float) -> None:
    values = column(Triangular(low=1, mode=mode, high=10), Interval(0, 100))
    assert values.min() >= 1
    assert values.max() <= 10
    assert values.mean() == pytest.approx((11 + mode) / 3, rel=5e-3)
    below = (np.random.default_rng(5).triangular(1, mode, 10, 200_000) < 4).mean()
    assert (values < 4).mean() == pytest.approx(below, abs=5e-3)


def test_a_log_normal_has_its_median_and_its_spread() -> None:
    logs = np.log(column(LogNormal(median=3, sigma=0.4), Interval(0.001, 86_400)))
    assert logs.mean() == pytest.approx(np.log(3), abs=3e-3)
    assert logs.std() == pytest.approx(0.4, rel=5e-3)
    assert np.quantile(logs, 0.999) == pytest.approx(np.log(3) + 3.09 * 0.4, abs=0.03)


def test_a_log_normal_is_cut_off_not_heaped_up_at_its_domain() -> None:
    values = column(LogNormal(median=1, sigma=2), Interval(0, 1))
    assert values.max() <= 1
    assert len(np.unique(values)) > 0.99 * len(values)
    narrow = column(LogNormal(median=30, sigma=3), Interval(28, 31))
    assert 28 <= narrow.min() < 28.1
    assert 30.9 < narrow.max() <= 31


def test_percentiles_ascend_and_shares_add_up() -> None:
    found = drawn(case_of(GUIDE_SCENARIOS[1]))
    for item in fields(MonteCarlo):
        value = getattr(found, item.name)
        if isinstance(value, Distribution):
            assert value.p5 <= value.p25 <= value.p50 <= value.p75 <= value.p95
    assert found.profitable_share + found.never_pays_share == pytest.approx(1)
    assert found.carried_share is not None
    assert 0 < found.carried_share < 1


def test_the_percentiles_are_those_of_the_scenarios() -> None:
    case = case_of(GUIDE_SCENARIOS[1])
    ranges = case.ranges({})
    found = monte_carlo(case, ranges, scenarios=2_000)
    ((_, values),) = draws(ranges, scenarios=2_000, seed=0)
    profits = [
        case.outcome({key: float(each[row]) for key, each in values.items()}).roi.profit_usd
        for row in range(2_000)
    ]
    assert found.profit_usd.p50 == pytest.approx(np.median(profits), rel=1e-9)
    assert found.profit_usd.mean == pytest.approx(np.mean(profits), rel=1e-9)
    assert found.profitable_share == np.mean(np.array(profits) > 0)


def test_where_nothing_pays_back_there_is_no_payback() -> None:
    found = drawn(case_of(), usd_per_query=Triangular(low=0, mode=0, high=1e-9))
    assert found.payback_months is None
    assert found.never_pays_share == 1


def test_the_demos_fleet_is_given() -> None:
    scenario = Scenario(phase=Phase.DEMO, adoption=0.025, plan=Plan.FREEMIUM)
    found = drawn(case_of(scenario))
    assert found.nodes.p5 == found.nodes.p95 == 3
    assert found.carried_share is None


def test_a_fleet_for_more_carries_more() -> None:
    wide = Triangular(low=0.01, mode=0.025, high=0.2)
    lean = drawn(case_of(assumptions=Assumptions(growth=1, redundancy=1)), adoption=wide)
    ample = drawn(case_of(assumptions=Assumptions(growth=4)), adoption=wide)
    assert lean.carried_share < ample.carried_share  # type: ignore[operator]  # neither is a demo


@pytest.mark.parametrize("scenarios", [10, 999, 10_000_001])
def test_the_number_of_scenarios_is_bounded(scenarios: int) -> None:
    with pytest.raises(ConfigError, match=f"scenarios is {scenarios}"):
        drawn(case_of(), scenarios)


def test_without_numpy_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ConfigError, match="need numpy") as caught:
        drawn(case_of())
    assert "qinfra[analysis]" in caught.value.hint
