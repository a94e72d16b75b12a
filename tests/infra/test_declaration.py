from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.machines import REGIONS
from infra.phases import PhaseWishes, phase_config
from infra.purchase import Purchase

MODEL = (GUIDE_NETWORK, Assumptions())
AWS = sorted(name for name, cloud in REGIONS.items() if cloud == "aws")


@pytest.mark.parametrize("phase", Phase)
def test_groups_name_only_the_phases_regions(phase: Phase) -> None:
    config = phase_config(phase, *MODEL)
    assert {group.region for group in config.groups} == set(config.regions)


def test_the_demo_has_the_guides_three_machines_and_disks() -> None:
    config = phase_config(Phase.DEMO, *MODEL)
    assert [(group.machine, group.disk_gib) for group in config.groups] == [
        ("n1-standard-4", 50)
    ] * 3
    assert config.cloud == "gcp"


def test_only_pipelines_of_highly_available_phases_scale() -> None:
    scaling = {
        phase: {group.role for group in phase_config(phase, *MODEL).groups if group.scales}
        for phase in Phase
    }
    assert scaling == {
        Phase.DEMO: set(),
        Phase.MVP: set(),
        Phase.PRODUCTION: {"embedding", "transformer"},
        Phase.ENTERPRISE: {"embedding", "transformer"},
    }


@given(
    phase=st.sampled_from([Phase.MVP, Phase.PRODUCTION, Phase.ENTERPRISE]),
    regions=st.lists(st.sampled_from(AWS), min_size=1, max_size=4, unique=True),
    adoption=st.floats(0, 1),
)
def test_regions_are_as_even_as_they_can_be(
    phase: Phase, regions: list[str], adoption: float
) -> None:
    config = phase_config(
        phase, GUIDE_NETWORK, Assumptions(adoption=adoption), PhaseWishes(regions=tuple(regions))
    )
    for role in ("embedding", "transformer"):
        nodes = [group.count for group in config.groups if group.role == role]
        assert len(nodes) == len(regions)
        assert max(nodes) - min(nodes) <= 1
    assert PhaseConfig.from_json(config.to_json()) == config


def test_wishes_are_heeded() -> None:
    wishes = PhaseWishes(regions=("eu-west-1",), purchase=Purchase.SPOT, pipelines=3)
    config = phase_config(Phase.MVP, *MODEL, wishes)
    assert config.regions == ("eu-west-1",)
    assert config.purchase is Purchase.SPOT
    assert config.counts.pipelines == 3
    assert config.capacity_queries_per_hour == pytest.approx(3 * 4163.27, abs=0.1)


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        (PhaseWishes(regions=("us-central1",)), "is one of gcp"),
        (PhaseWishes(regions=("us-east-1", "us-east-1")), "named twice"),
        (PhaseWishes(machine="n1-standard-4"), "rented by gcp"),
        (PhaseWishes(pipelines=0), "pipelines is 0"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(wishes: PhaseWishes, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        phase_config(Phase.MVP, *MODEL, wishes)


def test_a_group_outside_its_bounds_or_regions_is_refused() -> None:
    config = phase_config(Phase.PRODUCTION, *MODEL)
    group = next(item for item in config.groups if item.scales)
    with pytest.raises(ConfigError, match="outside 3 to 6"):
        replace(group, count=7)
    with pytest.raises(ConfigError, match="did you mean 'us-east-1'"):
        replace(config, groups=(replace(group, region="us-east-2"),))
    with pytest.raises(ConfigError, match="did you mean 'embedding'"):
        replace(group, role="embeding")
