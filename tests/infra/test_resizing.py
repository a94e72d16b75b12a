from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.phases import phase_config
from infra.resizing import Resize, resized
from infra.stacks.phases import stacks_of


def config_of(phase: Phase) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, Assumptions())


def count_of(config: PhaseConfig, role: str) -> int:
    return config.counts.by_role()[role]


@given(count=st.integers(1, 60))
def test_a_resize_changes_its_role_and_no_other(count: int) -> None:
    before = config_of(Phase.MVP)
    after = resized(before, (Resize(role="transformer", region="us-east-1", count=count),))
    assert count_of(after, "transformer") == count
    for role, nodes in before.counts.by_role().items():
        if role != "transformer":
            assert count_of(after, role) == nodes
    pipelines = min(count, count_of(before, "embedding"))
    each = before.capacity_queries_per_hour / before.counts.pipelines
    assert after.capacity_queries_per_hour == pytest.approx(each * pipelines)


def test_a_node_more_touches_no_other_resource() -> None:
    before = config_of(Phase.MVP)
    after = resized(before, (Resize(role="transformer", region="us-east-1", count=3),))
    (old,), (new,) = stacks_of(before), stacks_of(after)
    kept = {block.address: block for block in new.blocks}
    assert all(kept[block.address] == block for block in old.blocks)
    assert kept.keys() - {block.address for block in old.blocks} == {"aws_instance.transformer_3"}


def test_a_group_that_follows_load_gets_a_new_lower_bound() -> None:
    before = config_of(Phase.PRODUCTION)
    (group,) = [each for each in before.groups if each.role == "transformer"]
    assert group.scales
    after = resized(
        before, (Resize(role="transformer", region="us-east-1", count=group.count + 1),)
    )
    (grown,) = [each for each in after.groups if each.role == "transformer"]
    assert (grown.minimum, grown.count) == (group.count + 1, group.count + 1)
    assert grown.maximum >= group.maximum


def test_no_resize_is_no_change() -> None:
    assert resized(config_of(Phase.ENTERPRISE), ()) == config_of(Phase.ENTERPRISE)


@pytest.mark.parametrize(
    ("role", "region", "message"),
    [
        ("transfromer", "us-east-1", "did you mean 'transformer'"),
        ("transformer", "us-east-2", "us-east-1"),
    ],
)
def test_what_is_not_there_is_not_resized(role: str, region: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resized(config_of(Phase.MVP), (Resize(role=role, region=region, count=2),))
    assert message in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_number_that_is_none_is_refused(count: int) -> None:
    with pytest.raises(ConfigError):
        Resize(role="transformer", region="us-east-1", count=count)
