from __future__ import annotations

from dataclasses import replace

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.model import capacity_model
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.rounding import Rounding


def test_the_guides_chain_comes_out_to_the_digit() -> None:
    model = capacity_model(GUIDE_NETWORK, Assumptions(), Rounding.GUIDE)
    assert (
        model.activity.tick_efficiency,
        model.activity.transactions_per_day,
        model.activity.utilisation,
        model.demand.users,
        model.demand.queries_per_day,
        model.demand.peak_queries_per_hour,
        model.demand.concurrent_users,
        model.node.queries_per_hour,
        model.node.queries_per_day,
        (model.need.base, model.need.with_redundancy, model.need.with_growth),
        model.fleet.total,
        model.demo.queries_per_day,
        model.demo.users,
        model.demo_coverage,
    ) == (
        0.8882, 76_740, 0.5263, 14_818, 59_272, 7_410, 618, 2_914, 69_936, (3, 5, 8), 14,
        13_056, 3_264, 0.22,
    )  # fmt: skip


def test_the_tables_are_the_formulas_not_the_guides_print() -> None:
    model = capacity_model(GUIDE_NETWORK, Assumptions(), Rounding.GUIDE)
    assert [(case.users, case.nodes) for case in model.adoption] == [
        (5_927, 5),
        (14_818, 8),
        (29_636, 14),
        (59_271, 26),
    ]
    assert [case.queries_per_hour for case in model.inference] == pytest.approx(
        [6_120, 3_060, 2_040, 1_224, 612]
    )


def test_exact_figures_are_not_rounded() -> None:
    model = capacity_model(GUIDE_NETWORK, Assumptions())
    assert model.demand.peak_queries_per_hour == pytest.approx(7_408.8875)
    assert model.demo_coverage == pytest.approx(3_264 / 14_817.775)


def test_a_silent_network_still_needs_nothing_but_services() -> None:
    silent = replace(GUIDE_NETWORK, active_addresses=0, ticks_in_epoch=0, empty_ticks_in_epoch=0)
    model = capacity_model(silent, Assumptions())
    assert model.need.with_growth == 0
    assert model.fleet.total == 5
