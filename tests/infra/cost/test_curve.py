from __future__ import annotations

from dataclasses import replace

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cost.bill import egress_edges_gb, egress_tiers
from infra.cost.curve import CostCurve, cost_curve
from infra.cost.estimate import estimate
from infra.declaration import Phase, PhaseConfig
from infra.phases import PhaseWishes, phase_config
from infra.pricing.catalogue import packaged_prices

BOOK = packaged_prices()
GUIDE = Assumptions()


def sized(phase: Phase, pipelines: int | None = None) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, GUIDE, PhaseWishes(pipelines=pipelines))


def curve_of(phase: Phase, assumptions: Assumptions = GUIDE) -> CostCurve:
    return cost_curve(sized(phase), lambda count: sized(phase, count), BOOK, assumptions)


def exact(config: PhaseConfig, queries_per_hour: float, assumptions: Assumptions = GUIDE) -> float:
    target = replace(
        config.target,
        peak_queries_per_hour=queries_per_hour,
        highest_peak_queries_per_hour=queries_per_hour,
    )
    assumptions = replace(assumptions, peak_multiplier=1)
    return float(estimate(replace(config, target=target), BOOK, assumptions).monthly_usd)


@pytest.mark.parametrize("phase", [Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE])
@pytest.mark.parametrize("pipelines", [3, 4, 5, 6, 7, 8, 9, 1_000])
def test_a_pipeline_joins_the_regions_in_turn(phase: Phase, pipelines: int) -> None:
    found = curve_of(phase).monthly_usd(pipelines, 700, 3)
    assert float(found) == pytest.approx(exact(sized(phase, pipelines), 700), rel=1e-12)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("queries", [0, 1, 36_000, 3.7e6, 1.8e7, 1e8])
def test_queries_cost_what_their_tier_says(phase: Phase, queries: float) -> None:
    config = sized(phase)
    found = curve_of(phase).monthly_usd(config.counts.transformer, queries, 3)
    assert float(found) == pytest.approx(exact(config, queries), rel=1e-12)


def test_only_egress_without_a_cdn_bends() -> None:
    assert [len(curve_of(phase).bends) for phase in list(Phase)[1:]] == [5, 5, 1]
    nothing_out = replace(GUIDE, response_kib=0)
    assert len(curve_of(Phase.MVP, nothing_out).bends) == 1


@pytest.mark.parametrize("seconds", [3, 119, 121, 5_000])
def test_a_balancer_counts_open_connections_where_answers_take_minutes(seconds: float) -> None:
    curve, config = curve_of(Phase.PRODUCTION), sized(Phase.PRODUCTION)
    assert curve.slow_seconds == pytest.approx(120)
    found = curve.monthly_usd(config.counts.transformer, 50_000, seconds)
    slow = replace(GUIDE, inference_seconds=seconds)
    assert float(found) == pytest.approx(exact(config, 50_000, slow), rel=1e-9)


def test_large_answers_outweigh_connections() -> None:
    large = replace(GUIDE, response_kib=1e9)
    assert curve_of(Phase.PRODUCTION, large).slow_usd == 0


@pytest.mark.parametrize("regions", [1, 3])
def test_at_an_edge_the_next_gigabyte_is_in_the_next_tier(regions: int) -> None:
    free = egress_edges_gb(1)[0] / regions
    for tier, edge in enumerate(egress_edges_gb(regions)):
        below, above = (egress_tiers((edge + more) / regions, free) for more in (-1, 1))
        assert above[tier][1] > below[tier][1] == 0
