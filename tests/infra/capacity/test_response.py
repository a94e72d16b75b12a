from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.response import (
    response_curve,
    response_forecast,
    saturation_queries_per_hour,
)
from infra.capacity.slo import SloAnswer, smallest_fleet
from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.phases import PhaseWishes, phase_config

COMPUTED = [Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE]
STEADY = Assumptions(service_variability=0.25)


def declared(
    phase: Phase, assumptions: Assumptions = STEADY, pipelines: int | None = None
) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, assumptions, PhaseWishes(pipelines=pipelines))


@pytest.mark.parametrize("phase", COMPUTED)
def test_a_fleet_saturates_at_the_capacity_its_configuration_states(phase: Phase) -> None:
    config = declared(phase)
    assert saturation_queries_per_hour(config, STEADY) == pytest.approx(
        config.capacity_queries_per_hour
    )


def test_the_demo_answers_as_the_pipeline_it_is() -> None:
    demo = declared(Phase.DEMO)
    assert saturation_queries_per_hour(demo, STEADY) == pytest.approx(544 / 1.4)
    forecast = response_forecast(demo, STEADY)
    assert forecast.utilisation == pytest.approx(1.4)
    assert forecast.p95_seconds == math.inf
    assert not forecast.holds


def test_the_guides_fleets_with_exponential_service() -> None:
    plain = Assumptions()
    holds = {phase: response_forecast(declared(phase, plain), plain).holds for phase in Phase}
    assert holds == {
        Phase.DEMO: False,
        Phase.MVP: True,
        Phase.PRODUCTION: False,
        Phase.ENTERPRISE: False,
    }


def test_the_mvp_in_figures() -> None:
    forecast = response_forecast(declared(Phase.MVP, Assumptions()), Assumptions())
    assert [station.servers for station in forecast.stations] == [4, 4]
    assert [station.service_seconds for station in forecast.stations] == pytest.approx(
        [2.1 * 0.3 / 0.85, 2.1 * 0.7 / 0.85]
    )
    assert forecast.bottleneck == "transformer"
    assert forecast.utilisation == pytest.approx(1_500 / 8_326.53, rel=1e-4)
    # Hypoexponential with these two means: 95 % of the work alone is done within
    fast, slow = (station.service_seconds for station in forecast.stations)
    left = (
        slow * math.exp(-forecast.floor_seconds / slow)
        - fast * math.exp(-forecast.floor_seconds / fast)
    ) / (slow - fast)
    assert left == pytest.approx(0.05, abs=1e-6)


@given(phase=st.sampled_from(COMPUTED), loads=st.tuples(st.floats(0, 1), st.floats(0, 1)))
@settings(deadline=None)
def test_more_load_never_answers_sooner(phase: Phase, loads: tuple[float, float]) -> None:
    config = declared(phase)
    less, more = (load * config.capacity_queries_per_hour for load in sorted(loads))
    first, second = response_curve(config, STEADY, (less, more))
    assert first.p95_seconds <= second.p95_seconds * 1.001


def test_the_sustained_load_is_where_the_promise_breaks() -> None:
    config = declared(Phase.MVP)
    sustained = response_forecast(config, STEADY).sustains_queries_per_hour
    just, above = (
        response_forecast(config, STEADY, peak_queries_per_hour=sustained * factor)
        for factor in (0.999, 1.01)
    )
    assert just.holds
    assert not above.holds


def test_uneven_regions_are_judged_by_the_busiest() -> None:
    config = declared(Phase.ENTERPRISE, pipelines=13)
    forecast = response_forecast(config, STEADY, peak_queries_per_hour=30_000)
    assert forecast.utilisation == pytest.approx(30_000 / 13 / 4_163.27, rel=1e-4)


@pytest.mark.parametrize(("pipelines", "smallest"), [(4, 1), (5, 1), (13, 4), (14, 4)])
def test_uneven_regions_are_judged_by_the_smallest(pipelines: int, smallest: int) -> None:
    config = declared(Phase.ENTERPRISE, pipelines=pipelines)
    forecast = response_forecast(config, STEADY, peak_queries_per_hour=pipelines * 3_700)
    servers = smallest * STEADY.parallel_queries
    assert [station.servers for station in forecast.stations] == [servers, servers]


def without(config: PhaseConfig, *roles: str) -> PhaseConfig:
    return replace(config, groups=tuple(item for item in config.groups if item.role not in roles))


def test_workers_are_one_station_that_does_all_the_work() -> None:
    pairs = declared(Phase.MVP)
    groups = [
        replace(item, role="worker") if item.role == "transformer" else item
        for item in without(pairs, "embedding").groups
    ]
    forecast = response_forecast(replace(pairs, groups=tuple(groups)), STEADY)
    assert [station.name for station in forecast.stations] == ["worker"]
    assert forecast.stations[0].service_seconds == pytest.approx(2.1 / 0.85)


@pytest.mark.parametrize("missing", [("transformer",), ("embedding", "transformer")])
def test_a_fleet_without_a_pipeline_is_refused(missing: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="mvp has 0 pipelines"):
        response_forecast(without(declared(Phase.MVP), *missing), STEADY)


def test_workers_beside_pairs_in_a_region_are_refused() -> None:
    config = declared(Phase.MVP)
    worker = replace(config.groups[0], role="worker")
    with pytest.raises(ConfigError, match="1 workers beside 2 embedding"):
        response_forecast(replace(config, groups=(*config.groups, worker)), STEADY)


@pytest.mark.parametrize("load", [-1.0, math.nan, math.inf])
def test_an_impossible_load_is_refused(load: float) -> None:
    with pytest.raises(ConfigError, match="peak_queries_per_hour is"):
        response_forecast(declared(Phase.MVP), STEADY, peak_queries_per_hour=load)


def answer(phase: Phase, assumptions: Assumptions, spare: int = 0) -> SloAnswer:
    def declare(pipelines: int, inside: Assumptions) -> PhaseConfig:
        return declared(phase, inside, None if phase is Phase.DEMO else pipelines)

    return smallest_fleet(declare, assumptions, spare=spare)


def test_the_smallest_fleet_holds_and_one_less_does_not() -> None:
    fast = Assumptions(service_variability=0.25, inference_seconds=1.6)
    found = answer(Phase.ENTERPRISE, fast)
    assert found.pipelines is not None
    held = response_forecast(declared(Phase.ENTERPRISE, fast, found.pipelines), fast)
    missed = response_forecast(declared(Phase.ENTERPRISE, fast, found.pipelines - 1), fast)
    assert held.holds
    assert not missed.holds
    assert found.promised_seconds == held.promised_seconds
    assert found.one_less_seconds == missed.promised_seconds
    assert answer(Phase.ENTERPRISE, fast, spare=1).pipelines == found.pipelines + 1


def test_steady_work_is_not_refused_for_a_tail_it_does_not_have() -> None:
    steady = Assumptions(service_variability=0)  # 2.47 s of work, 3 s promised
    forecast = response_forecast(declared(Phase.ENTERPRISE, steady), steady)
    assert forecast.floor_seconds == pytest.approx(2.1 / 0.85)
    assert forecast.holds


def test_a_load_beyond_every_fleet_is_not_blamed_on_the_work() -> None:
    busy = Assumptions(inference_seconds=0.5, adoption=1, queries_per_user_per_day=86_400)
    found = answer(Phase.ENTERPRISE, busy)
    assert found.pipelines is None
    assert found.longest_inference_seconds is None
    assert "the most considered, are asked for" in found.reason


def test_no_region_goes_without_a_pipeline() -> None:
    found = answer(Phase.ENTERPRISE, Assumptions(inference_seconds=0.01))
    assert found.pipelines == 3
    assert "3 regions need one each" in found.reason


def test_work_that_takes_too_long_is_not_cured_by_nodes() -> None:
    found = answer(Phase.PRODUCTION, Assumptions())
    assert found.pipelines is None
    assert "no number of nodes helps" in found.reason
    assert found.longest_inference_seconds is not None
    faster = Assumptions(inference_seconds=found.longest_inference_seconds * 0.99)
    assert answer(Phase.PRODUCTION, faster).pipelines is not None


def test_a_demo_that_is_fast_enough_but_asked_too_much_says_so() -> None:
    found = answer(Phase.DEMO, Assumptions(inference_seconds=1, service_variability=0.1))
    assert found.pipelines is None
    assert "the demo has no other" in found.reason
