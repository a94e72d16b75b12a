from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.demand import demand
from infra.capacity.hardware import gpu_node
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.nodes import (
    NodeNeed,
    distributed_nodes,
    nodes_needed,
    pipeline_queries_per_hour,
    pipelines_needed,
)
from infra.capacity.rounding import Rounding, whole_nodes
from infra.errors import ConfigError

LOADS = st.floats(0, 1e9)
RATES = st.floats(1, 1e6)
FACTORS = st.floats(1, 100)


def need(adoption: float = 0.025, rounding: Rounding = Rounding.EXACT) -> NodeNeed:
    assumptions = Assumptions(adoption=adoption)
    peak = demand(GUIDE_NETWORK, assumptions, rounding).peak_queries_per_hour
    return nodes_needed(
        peak, gpu_node(assumptions, rounding).queries_per_hour, assumptions, rounding
    )


@pytest.mark.parametrize("rounding", Rounding)
def test_three_nodes_become_five_become_eight(rounding: Rounding) -> None:
    needed = need(rounding=rounding)
    assert (needed.base, needed.with_redundancy, needed.with_growth) == (3, 5, 8)


def test_the_load_in_nodes() -> None:
    assert need().load == pytest.approx(7_408.8875 / 2_914.2857, rel=1e-6)
    assert need(rounding=Rounding.GUIDE).load == 2.54


@pytest.mark.parametrize(("adoption", "nodes"), [(0.01, 5), (0.025, 8), (0.05, 14), (0.10, 26)])
def test_nodes_by_adoption_follow_the_formula_not_the_printed_table(
    adoption: float, nodes: int
) -> None:
    assert need(adoption).with_growth == nodes


def test_eight_nodes_divide_into_the_guides_fleet_of_fourteen() -> None:
    fleet = distributed_nodes(8, Assumptions())
    assert (fleet.embedding, fleet.transformer) == (3, 6)
    assert (fleet.orchestrator, fleet.oracle, fleet.monitoring) == (2, 2, 1)
    assert fleet.total == 14


def test_float_noise_is_no_machine() -> None:
    assert 0.1 * 3 * 10 > 3
    assert whole_nodes(0.1 * 3 * 10) == 3


def test_a_pipeline_goes_at_the_pace_of_its_heavier_node() -> None:
    node = gpu_node(Assumptions()).queries_per_hour
    assert pipeline_queries_per_hour(node, Assumptions()) == pytest.approx(node / 0.7)
    assert pipeline_queries_per_hour(node, Assumptions(embedding_share=0.5)) == 2 * node
    assert pipeline_queries_per_hour(node, Assumptions(embedding_share=0.8)) == node / 0.8


def test_twelve_pipelines_stay_below_the_guides_fifty_thousand() -> None:
    rate = pipeline_queries_per_hour(gpu_node(Assumptions()).queries_per_hour, Assumptions())
    assert 12 * rate == pytest.approx(49_959, abs=0.5)


def test_no_load_still_needs_a_pipeline() -> None:
    assert pipelines_needed(0, 1, Assumptions()) == 1


@pytest.mark.parametrize(
    ("peak", "rate"), [(-1, 1), (math.nan, 1), (math.inf, 1), (1, 0), (1, -1), (1, math.nan)]
)
def test_impossible_rates_are_refused(peak: float, rate: float) -> None:
    with pytest.raises(ConfigError, match="queries_per_hour"):
        nodes_needed(peak, rate, Assumptions())
    with pytest.raises(ConfigError, match="queries_per_hour"):
        pipelines_needed(peak, rate, Assumptions())


def test_a_negative_fleet_is_refused() -> None:
    with pytest.raises(ConfigError, match="compute_nodes"):
        distributed_nodes(-1, Assumptions())


@given(load=LOADS, more=LOADS, rate=RATES)
def test_more_load_never_needs_fewer(load: float, more: float, rate: float) -> None:
    few, many = (nodes_needed(each, rate, Assumptions()) for each in (load, load + more))
    assert few.base <= many.base
    assert few.with_growth <= many.with_growth
    assert pipelines_needed(load, rate, Assumptions()) <= pipelines_needed(
        load + more, rate, Assumptions()
    )


@given(load=LOADS, rate=RATES, low=FACTORS, high=FACTORS)
def test_redundancy_and_growth_never_lower_nodes(
    load: float, rate: float, low: float, high: float
) -> None:
    low, high = sorted((low, high))
    for factor in ("redundancy", "growth"):
        less, more = Assumptions(**{factor: low}), Assumptions(**{factor: high})
        assert (
            nodes_needed(load, rate, less).with_growth <= nodes_needed(load, rate, more).with_growth
        )
        assert pipelines_needed(load, rate, less) <= pipelines_needed(load, rate, more)


@given(nodes=st.integers(0, 10**6), share=st.floats(0.01, 0.99))
def test_the_two_roles_hold_all_the_work(nodes: int, share: float) -> None:
    fleet = distributed_nodes(nodes, Assumptions(embedding_share=share))
    assert nodes <= fleet.embedding + fleet.transformer <= nodes + 2
