from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase, PhaseConfig, phase_named
from infra.errors import ConfigError
from infra.phases import phase_config
from infra.roles import NodeCounts

COMPUTED = [Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE]

# guide §5.1, as (fewest, most)
BRACKETS: dict[Phase, dict[str, tuple[int, int]]] = {
    Phase.DEMO: {"orchestrator": (1, 1), "embedding": (1, 1), "transformer": (1, 1)},
    Phase.MVP: {
        "orchestrator": (1, 1), "embedding": (2, 2), "transformer": (2, 2), "oracle": (1, 1),
    },
    Phase.PRODUCTION: {
        "orchestrator": (2, 2), "embedding": (4, 5), "transformer": (4, 5), "oracle": (2, 2),
        "monitoring": (1, 1),
    },
    Phase.ENTERPRISE: {
        "orchestrator": (3, 3), "embedding": (8, 12), "transformer": (8, 12), "oracle": (4, 4),
        "monitoring": (2, 2), "cache": (2, 2),
    },
}  # fmt: skip
TOTALS = {
    Phase.DEMO: (3, 3),
    Phase.MVP: (6, 6),
    Phase.PRODUCTION: (12, 15),
    Phase.ENTERPRISE: (25, 35),
}


def of_guide(phase: Phase) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, Assumptions())


@pytest.mark.parametrize("phase", Phase)
def test_a_phase_lands_inside_the_guides_brackets(phase: Phase) -> None:
    counts = of_guide(phase).counts
    for role, nodes in counts.by_role().items():
        fewest, most = BRACKETS[phase].get(role, (0, 0))
        assert fewest <= nodes <= most, role
    fewest, most = TOTALS[phase]
    assert fewest <= counts.total <= most


@pytest.mark.parametrize(
    ("phase", "pipelines"),
    [(Phase.DEMO, 1), (Phase.MVP, 2), (Phase.PRODUCTION, 4), (Phase.ENTERPRISE, 12)],
)
def test_pipelines_of_a_phase(phase: Phase, pipelines: int) -> None:
    assert of_guide(phase).counts.pipelines == pipelines


@pytest.mark.parametrize(
    ("phase", "peaks", "response", "availability"),
    [
        (Phase.DEMO, (544, 544), (15, 0.95), 0.95),
        (Phase.MVP, (1_500, 2_500), (8, 0.95), 0.99),
        (Phase.PRODUCTION, (5_000, 8_000), (5, 0.95), 0.999),
        (Phase.ENTERPRISE, (20_000, 50_000), (3, 0.99), 0.9999),
    ],
)
def test_a_phase_promises_what_the_guide_does(
    phase: Phase, peaks: tuple[float, float], response: tuple[float, float], availability: float
) -> None:
    target = of_guide(phase).target
    assert (target.peak_queries_per_hour, target.highest_peak_queries_per_hour) == peaks
    assert (target.response_seconds, target.response_percentile) == response
    assert target.availability == availability


def test_only_enterprise_cannot_carry_the_end_of_its_range() -> None:
    short = [
        phase
        for phase in Phase
        if of_guide(phase).capacity_queries_per_hour
        < of_guide(phase).target.highest_peak_queries_per_hour
    ]
    assert short == [Phase.ENTERPRISE]


@pytest.mark.parametrize("phase", COMPUTED)
def test_without_its_spare_a_phase_still_carries_the_load_it_is_sized_for(phase: Phase) -> None:
    config = of_guide(phase)
    one = config.capacity_queries_per_hour / config.counts.pipelines
    left = config.capacity_queries_per_hour - one
    assert left >= config.target.peak_queries_per_hour * 1.5 * 1.5


def test_the_demo_is_three_machines_whatever_is_asked_of_it() -> None:
    crowd = replace(GUIDE_NETWORK, active_addresses=10**9)
    slow = Assumptions(inference_seconds=30)
    config = phase_config(Phase.DEMO, crowd, slow)
    assert config.counts.total == 3
    assert config.target.peak_queries_per_hour == pytest.approx(54.4)


@pytest.mark.parametrize("phase", COMPUTED)
def test_an_empty_network_keeps_every_role(phase: Phase) -> None:
    empty = replace(GUIDE_NETWORK, active_addresses=0, ticks_in_epoch=0, empty_ticks_in_epoch=0)
    counts = phase_config(phase, empty, Assumptions()).counts.by_role()
    assert {role for role, nodes in counts.items() if nodes} == set(BRACKETS[phase])


def test_every_region_keeps_a_pipeline_beside_the_spare() -> None:
    empty = replace(GUIDE_NETWORK, active_addresses=0, ticks_in_epoch=0, empty_ticks_in_epoch=0)
    config = phase_config(Phase.ENTERPRISE, empty, Assumptions())
    assert config.counts.pipelines == len(config.regions) + 1


@given(
    phase=st.sampled_from(Phase),
    addresses=st.integers(0, 10**9),
    more=st.integers(0, 10**9),
)
def test_more_addresses_never_mean_fewer_nodes(phase: Phase, addresses: int, more: int) -> None:
    few = replace(GUIDE_NETWORK, active_addresses=addresses)
    many = replace(GUIDE_NETWORK, active_addresses=addresses + more)
    assert (
        phase_config(phase, few, Assumptions()).counts.total
        <= phase_config(phase, many, Assumptions()).counts.total
    )


@given(
    phase=st.sampled_from(Phase),
    factor=st.sampled_from(["redundancy", "growth", "adoption", "inference_seconds"]),
    values=st.tuples(st.floats(1, 100), st.floats(1, 100)),
)
def test_more_of_anything_that_costs_work_never_lowers_nodes(
    phase: Phase, factor: str, values: tuple[float, float]
) -> None:
    scale = 0.01 if factor == "adoption" else 1
    less, more = (Assumptions(**{factor: value * scale}) for value in sorted(values))
    assert (
        phase_config(phase, GUIDE_NETWORK, less).counts.total
        <= phase_config(phase, GUIDE_NETWORK, more).counts.total
    )


@given(
    phase=st.sampled_from(Phase),
    adoption=st.floats(0, 1),
    share=st.floats(0.01, 0.99),
)
def test_a_configuration_survives_json(phase: Phase, adoption: float, share: float) -> None:
    assumptions = Assumptions(adoption=adoption, embedding_share=share)
    config = phase_config(phase, GUIDE_NETWORK, assumptions)
    assert PhaseConfig.from_json(config.to_json()) == config


def changed(**changes: object) -> str:
    data = json.loads(of_guide(Phase.MVP).to_json())
    data.update(changes)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "'phase' is missing"),
        (changed(schema_version=99), "schema version 99 is not 2"),
        (changed(phase="mvpp"), "'phase' is 'mvpp'.*'mvp'"),
        (changed(cloud="azure"), "'cloud' is 'azure'"),
        (changed(region="us-east-1"), "did you mean 'regions'"),
        (changed(regions="us-east-1"), "'regions' is 'us-east-1'"),
        (changed(regions=[1]), "'regions.0' is 1"),
        (changed(zones_per_region=0), "zones_per_region is 0"),
        (changed(groups=[{}]), "'groups.0.role' is missing"),
        (changed(groups=[{"roles": 1}]), "did you mean 'role'"),
        (changed(target=None), "'target' is None"),
        (changed(capacity_queries_per_hour=float("nan")), "NaN is not a number"),
    ],
)
def test_a_damaged_configuration_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        PhaseConfig.from_json(text)


@pytest.mark.parametrize(
    ("given_name", "meant"),
    [("prod", "production"), ("Demo", "demo"), ("enterprize", "enterprise")],
)
def test_an_unknown_phase_is_answered_with_the_nearest(given_name: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean '{meant}'") as caught:
        phase_named(given_name)
    assert caught.value.hint == "Use one of: demo, enterprise, mvp, production."


def test_a_known_phase_is_found() -> None:
    assert phase_named("mvp") is Phase.MVP


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ConfigError, match="embedding nodes"):
        NodeCounts(orchestrator=1, embedding=-1, transformer=1)
