from __future__ import annotations

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cases import Case
from infra.cost.estimate import estimate
from infra.errors import ConfigError
from infra.phases import phase_config
from infra.pricing.catalogue import packaged_prices
from infra.ranges import LogNormal, Ranged, Spread, Stated, Triangular
from infra.roi import GUIDE_SCENARIOS, Scenario, roi

BOOK = packaged_prices()
GUIDE = Assumptions()


def case_of(scenario: Scenario = GUIDE_SCENARIOS[0], assumptions: Assumptions = GUIDE) -> Case:
    return Case(scenario=scenario, metrics=GUIDE_NETWORK, assumptions=assumptions, book=BOOK)


@pytest.mark.parametrize("scenario", GUIDE_SCENARIOS)
@pytest.mark.parametrize("assumptions", [Assumptions(), Assumptions(adoption=0.07, growth=2)])
def test_at_the_values_in_force_it_is_the_row_of_the_table(
    scenario: Scenario, assumptions: Assumptions
) -> None:
    config = phase_config(scenario.phase, GUIDE_NETWORK, assumptions)
    cost = float(estimate(config, BOOK, assumptions).monthly_usd)
    found = case_of(scenario, assumptions).outcome()
    assert found.roi == roi(scenario, GUIDE_NETWORK, assumptions, cost)
    assert found.nodes == config.counts.total
    assert found.peak_queries_per_hour == config.target.peak_queries_per_hour


@pytest.mark.parametrize("scenario", GUIDE_SCENARIOS)
def test_twice_the_adoption_doubles_the_peak_of_the_phase(scenario: Scenario) -> None:
    case = case_of(scenario)
    own, twice = case.outcome(), case.outcome({"adoption": 2 * scenario.adoption})
    assert twice.peak_queries_per_hour == pytest.approx(2 * own.peak_queries_per_hour)
    assert twice.roi.users == pytest.approx(2 * own.roi.users)
    assert twice.nodes > own.nodes


def test_pricing_moves_revenue_only() -> None:
    case = case_of(GUIDE_SCENARIOS[0])
    own, dearer = case.outcome().roi, case.outcome({"usd_per_query": 0.01}).roi
    assert dearer.revenue_usd == pytest.approx(2 * own.revenue_usd)
    assert dearer.cost_usd == own.cost_usd
    fee = case.outcome({"usd_per_month": 10}).roi
    assert fee.revenue_usd == pytest.approx(own.revenue_usd + own.users * 0.05 * 10)


def by_key(case: Case, **asked: Spread) -> dict[str, Ranged]:
    stated = {key: Stated(spread=spread, source="a test") for key, spread in asked.items()}
    return {ranged.key: ranged for ranged in case.ranges(stated)}


@pytest.mark.parametrize("scenario", GUIDE_SCENARIOS)
def test_the_default_ranges_hold_what_is_in_force(scenario: Scenario) -> None:
    case = case_of(scenario, Assumptions(inference_seconds=20))
    found = by_key(case)
    assert set(found) == {
        "adoption",
        "inference_seconds",
        "queries_per_user_per_day",
        "peak_multiplier",
        "conversion",
        "cost_factor",
    }
    for key, ranged in found.items():
        assert ranged.source
        assert isinstance(ranged.spread, Triangular)
        assert ranged.spread.mode == case.in_force[key]
    assert found["adoption"].ends == (0.01, 0.10)
    assert found["inference_seconds"].ends == (1, 20)
    assert "moved to hold the value in force" in found["inference_seconds"].source


def test_a_range_that_is_asked_for_takes_the_place_of_the_default() -> None:
    case = case_of()
    found = by_key(
        case, adoption=Triangular(low=0.02, high=0.03), growth=LogNormal(median=2, sigma=1)
    )
    assert found["adoption"].spread == Triangular(low=0.02, mode=0.025, high=0.03)
    assert found["adoption"].source == "a test"
    assert found["growth"].spread == LogNormal(median=2, sigma=1)
    assert found["conversion"].source.startswith("assumed")


def test_a_mode_left_out_is_the_value_in_force_and_must_fit() -> None:
    with pytest.raises(ConfigError, match=r"a test: adoption: mode 0\.025 is outside 0\.03 "):
        by_key(case_of(), adoption=Triangular(low=0.03, high=0.04))


def test_a_phase_is_asked_for_no_more_than_all_addresses_would() -> None:
    few = Scenario(phase=GUIDE_SCENARIOS[0].phase, adoption=0.001, plan=GUIDE_SCENARIOS[0].plan)
    case = case_of(few)
    adoption = by_key(case)["adoption"]
    assert adoption.ends == pytest.approx((0.001, 0.04))
    assert case.outcome({"adoption": adoption.ends[1]}).roi.users > 0
    with pytest.raises(ConfigError, match=r"high is 0.05: must be a number in \[0, 0.04\]"):
        by_key(case, adoption=Triangular(low=0.001, high=0.05))


def test_without_adoption_there_is_nothing_to_size_a_phase_for() -> None:
    nobody = Scenario(phase=GUIDE_SCENARIOS[0].phase, adoption=0, plan=GUIDE_SCENARIOS[0].plan)
    with pytest.raises(ConfigError, match="adoption 0 has no range"):
        case_of(nobody).ranges({})
