from __future__ import annotations

import math

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.demand import demand
from infra.capacity.hardware import (
    DemoCapacity,
    NodeCapacity,
    demo_capacity,
    gpu_node,
    node_queries_per_hour,
)
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.rounding import Rounding
from infra.errors import ConfigError


def test_an_exact_gpu_node() -> None:
    node = gpu_node(Assumptions())
    assert node.inference_seconds == pytest.approx(2.1)
    assert node.serial_queries_per_hour == pytest.approx(1_714.29, abs=0.005)
    assert node.parallel_queries_per_hour == pytest.approx(3_428.57, abs=0.005)
    assert node.queries_per_hour == pytest.approx(2_914.29, abs=0.005)
    assert node.queries_per_day == pytest.approx(69_942.86, abs=0.005)


def test_a_gpu_node_as_the_guide_prints_it() -> None:
    assert gpu_node(Assumptions(), Rounding.GUIDE) == NodeCapacity(
        inference_seconds=pytest.approx(2.1),
        serial_queries_per_hour=1_714,
        parallel_queries_per_hour=3_428,
        queries_per_hour=2_914,
        queries_per_day=69_936,
    )


@pytest.mark.parametrize(
    ("seconds", "queries"), [(1, 6_120), (2, 3_060), (3, 2_040), (5, 1_224), (10, 612)]
)
def test_the_guides_table_of_inference_times(seconds: float, queries: int) -> None:
    assert node_queries_per_hour(seconds, Assumptions()) == pytest.approx(queries)


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf])
def test_an_impossible_inference_time_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigError, match="inference_seconds"):
        node_queries_per_hour(seconds, Assumptions())


@pytest.mark.parametrize("rounding", Rounding)
def test_the_three_machine_demo(rounding: Rounding) -> None:
    assert demo_capacity(Assumptions(), rounding) == DemoCapacity(
        cpu_seconds=7.5,
        distributed_seconds=11.25,
        raw_queries_per_hour=640,
        queries_per_hour=544,
        queries_per_day=13_056,
        users=3_264,
    )


def test_the_demo_covers_a_fifth_of_the_demand() -> None:
    demo = demo_capacity(Assumptions())
    exact = demo.coverage(demand(GUIDE_NETWORK, Assumptions()))
    guide = demo.coverage(
        demand(GUIDE_NETWORK, Assumptions(), Rounding.GUIDE), rounding=Rounding.GUIDE
    )
    assert exact == pytest.approx(3_264 / 14_817.775)
    assert guide == 0.22


def test_a_demo_without_users_covers_them_all() -> None:
    silent = Assumptions(adoption=0, queries_per_user_per_day=0)
    demo = demo_capacity(silent)
    assert demo.users == 0
    assert demo.coverage(demand(GUIDE_NETWORK, silent)) == 1
