from __future__ import annotations

import pytest

from node_agent.config import Role
from node_agent.orchestrator.pipelines import Pipeline
from node_agent.orchestrator.registry import Announcement
from node_agent.orchestrator.slots import (
    choose,
    free_slots,
    queue_depth_per_slot,
    retry_after_seconds,
    total_slots,
)


def node(name: str, slots: int = 2, layers: tuple[int, int] = (0, 8)) -> Announcement:
    return Announcement(
        name=name,
        role=Role.WORKER,
        address="127.0.0.1:1",
        instance="a",
        revision="r",
        first_layer=layers[0],
        end_layer=layers[1],
        model_layers=16,
        slots=slots,
        context_tokens=256,
    )


E1, T1, T2 = node("e-1", 4), node("t-1", layers=(8, 16)), node("t-2", layers=(8, 16))
ONE = Pipeline(id="one", stages=(E1, T1))
TWO = Pipeline(id="two", stages=(E1, T2))


def test_the_fullest_stage_bounds_a_pipeline():
    assert free_slots(ONE, {}) == 2
    assert free_slots(ONE, {E1.key: 3}) == 1
    assert free_slots(ONE, {E1.key: 5}) == 0


def test_the_least_loaded_pipeline_is_chosen():
    assert choose((ONE, TWO), {}) == ONE
    assert choose((ONE, TWO), {E1.key: 1, T1.key: 1}) == TWO


def test_a_shared_stage_that_is_full_leaves_nothing():
    assert choose((ONE, TWO), {E1.key: 4}) is None
    assert choose((), {}) is None


def test_a_pipeline_to_avoid_is_taken_only_when_no_other_is_free():
    assert choose((ONE, TWO), {}, {"one"}) == TWO
    assert choose((ONE, TWO), {T2.key: 2}, {"one"}) == ONE


@pytest.mark.parametrize(
    ("waiting", "slots", "service_seconds", "expected"),
    [(0, 1, 0.1, 1), (7, 4, 2.0, 4), (1000, 1, 10.0, 60), (3, 0, 2.0, 8)],
)
def test_a_refused_client_hears_when_to_come_back(waiting, slots, service_seconds, expected):
    answer = retry_after_seconds(waiting=waiting, slots=slots, service_seconds=service_seconds)
    assert answer == expected


def test_the_narrowest_level_bounds_what_runs_at_once():
    assert total_slots((ONE, TWO)) == 4
    assert total_slots((ONE,)) == 2
    assert total_slots(()) == 0


@pytest.mark.parametrize(
    ("waiting", "slots", "orchestrators", "depth"),
    [(0, 4, 1, 0), (2, 4, 1, 0.5), (1, 4, 2, 0.5), (3, 0, 1, 3), (3, 0, 2, 6), (0, 0, 1, None)],
)
def test_a_group_grows_by_the_line_and_keeps_its_size_when_the_line_is_not_known(
    waiting, slots, orchestrators, depth
):
    told = queue_depth_per_slot(waiting=waiting, slots=slots, orchestrators=orchestrators)
    assert told == depth
