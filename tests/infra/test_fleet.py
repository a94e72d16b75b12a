from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase
from infra.errors import ConfigError
from infra.fleet import FleetPlan, PlannedNode, RoleChange, plan_fleet, scale_down, staged
from infra.phases import phase_config
from infra.roles import NodeCounts, NodeRole

ONE = ((0, 16),)
TWO = ((0, 8), (8, 16))
THREE = ((0, 5), (5, 10), (10, 16))


def counts_of(phase: Phase) -> NodeCounts:
    return phase_config(phase, GUIDE_NETWORK, Assumptions()).counts


def by_role(plan: FleetPlan) -> dict[str, int]:
    return dict(Counter(str(node.role) for node in plan.nodes))


def test_the_demo_is_the_guides_three_nodes() -> None:
    plan = plan_fleet(counts_of(Phase.DEMO), TWO)
    assert plan.nodes == (
        PlannedNode(name="orchestrator-1", role=NodeRole.ORCHESTRATOR),
        PlannedNode(name="embedding-1", role=NodeRole.EMBEDDING, first_layer=0, end_layer=8),
        PlannedNode(name="transformer-1", role=NodeRole.TRANSFORMER, first_layer=8, end_layer=16),
    )
    assert plan.changes == ()
    assert plan.not_run == ()


def test_roles_without_an_agent_are_said_not_to_run() -> None:
    plan = plan_fleet(counts_of(Phase.ENTERPRISE), TWO)
    assert plan.not_run == (("oracle", 4), ("monitoring", 2), ("cache", 2))
    assert by_role(plan) == {"orchestrator": 3, "embedding": 12, "transformer": 12}
    assert plan.changes == ()


def test_one_stage_runs_a_worker_for_each_pipeline() -> None:
    plan = plan_fleet(counts_of(Phase.MVP), ONE)
    assert by_role(plan) == {"orchestrator": 1, "worker": 2}
    workers = [node for node in plan.nodes if node.role is NodeRole.WORKER]
    assert {(node.first_layer, node.end_layer) for node in workers} == {(0, 16)}


def test_three_stages_deal_transformers_over_the_last_two() -> None:
    plan = plan_fleet(counts_of(Phase.PRODUCTION), THREE)
    layers = Counter((node.first_layer, node.end_layer) for node in plan.nodes)
    assert layers == {(0, 0): 2, (0, 5): 4, (5, 10): 2, (10, 16): 2}
    assert plan.changes == ()


def test_an_odd_transformer_goes_to_the_stage_that_samples() -> None:
    plan = plan_fleet(NodeCounts(orchestrator=1, embedding=1, transformer=3), THREE)
    layers = Counter((node.first_layer, node.end_layer) for node in plan.nodes)
    assert (layers[5, 10], layers[10, 16]) == (1, 2)


def test_every_one_of_four_stages_keeps_its_node() -> None:
    four = ((0, 4), (4, 8), (8, 12), (12, 16))
    plan = plan_fleet(NodeCounts(orchestrator=1, embedding=2, transformer=3), four, 5)
    assert by_role(plan) == {"orchestrator": 1, "embedding": 1, "transformer": 3}


def test_three_stages_of_the_demo_need_another_transformer_and_say_so() -> None:
    plan = plan_fleet(counts_of(Phase.DEMO), THREE)
    assert by_role(plan) == {"orchestrator": 1, "embedding": 1, "transformer": 2}
    assert plan.changes == (RoleChange(role="transformer", wanted=1, planned=2),)


@pytest.mark.parametrize(
    ("allowed", "nodes"),
    [
        (10, {"orchestrator": 2, "embedding": 4, "transformer": 4}),
        (9, {"orchestrator": 2, "embedding": 3, "transformer": 4}),
        (6, {"orchestrator": 2, "embedding": 2, "transformer": 2}),
        (5, {"orchestrator": 1, "embedding": 2, "transformer": 2}),
        (3, {"orchestrator": 1, "embedding": 1, "transformer": 1}),
        (2, {"orchestrator": 1, "worker": 1}),
    ],
)
def test_production_on_a_small_machine(allowed: int, nodes: dict[str, int]) -> None:
    assert by_role(plan_fleet(counts_of(Phase.PRODUCTION), TWO, allowed)) == nodes


def test_what_was_scaled_down_is_said() -> None:
    plan = plan_fleet(counts_of(Phase.PRODUCTION), TWO, 2)
    assert plan.changes == (
        RoleChange(role="orchestrator", wanted=2, planned=1),
        RoleChange(role="embedding", wanted=4, planned=0),
        RoleChange(role="transformer", wanted=4, planned=0),
        RoleChange(role="worker", wanted=0, planned=1),
    )
    assert (plan.nodes[-1].first_layer, plan.nodes[-1].end_layer) == (0, 16)


def test_three_stages_in_three_processes_fall_back_to_a_worker() -> None:
    assert by_role(plan_fleet(counts_of(Phase.MVP), THREE, 3)) == {"orchestrator": 1, "worker": 1}


def test_workers_are_scaled_down_too() -> None:
    plan = plan_fleet(counts_of(Phase.PRODUCTION), ONE, 3)
    assert by_role(plan) == {"orchestrator": 1, "worker": 2}


@pytest.mark.parametrize("allowed", [1, 0, -4])
def test_less_than_two_processes_are_no_fleet(allowed: int) -> None:
    with pytest.raises(ConfigError, match=f"max_processes is {allowed}") as caught:
        plan_fleet(counts_of(Phase.DEMO), TWO, allowed)
    assert "--max-processes 2" in caught.value.hint


COUNTS = st.builds(
    NodeCounts,
    orchestrator=st.integers(1, 5),
    embedding=st.integers(1, 12),
    transformer=st.integers(1, 12),
    oracle=st.integers(0, 4),
)


@given(counts=COUNTS, allowed=st.integers(2, 30), ranges=st.sampled_from([ONE, TWO, THREE]))
def test_a_fleet_fits_and_can_answer(
    counts: NodeCounts, allowed: int, ranges: tuple[tuple[int, int], ...]
) -> None:
    nodes = plan_fleet(counts, ranges, allowed).nodes
    held = {(node.first_layer, node.end_layer) for node in nodes}
    assert len(nodes) <= allowed
    assert len({node.name for node in nodes}) == len(nodes)
    assert nodes[0].name == "orchestrator-1"
    assert set(ranges) <= held or (0, 16) in held


@given(counts=COUNTS, allowed=st.integers(2, 30), stages=st.integers(1, 3))
def test_scaling_down_never_adds_and_is_done_once(
    counts: NodeCounts, allowed: int, stages: int
) -> None:
    whole = staged(counts, stages)
    scaled = scale_down(whole, allowed, stages)
    assert scale_down(scaled, allowed, stages) == scaled
    assert scaled.oracle == counts.oracle
    if not scaled.worker:
        assert all(
            after <= before
            for after, before in zip(
                scaled.by_role().values(), whole.by_role().values(), strict=True
            )
        )


@given(counts=COUNTS, stages=st.integers(1, 3))
def test_a_large_machine_runs_the_phase_as_it_is(counts: NodeCounts, stages: int) -> None:
    whole = staged(counts, stages)
    assert scale_down(whole, 30, stages) == whole
