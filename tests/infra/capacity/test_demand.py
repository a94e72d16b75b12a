from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.demand import Demand, demand
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.rounding import Rounding


def test_exact_demand() -> None:
    wanted = demand(GUIDE_NETWORK, Assumptions())
    assert wanted.users == pytest.approx(14_817.775)
    assert wanted.user_queries_per_day == pytest.approx(59_271.1)
    assert wanted.activity_queries_per_day == pytest.approx(7_673.667, abs=5e-4)
    assert wanted.queries_per_day == pytest.approx(59_271.1)
    assert wanted.peak_queries_per_hour == pytest.approx(7_408.8875)
    assert wanted.concurrent_users == pytest.approx(617.407, abs=5e-4)


def test_demand_as_the_guide_prints_it() -> None:
    assert demand(GUIDE_NETWORK, Assumptions(), Rounding.GUIDE) == Demand(
        users=14_818,
        user_queries_per_day=59_272,
        activity_queries_per_day=7_674,
        queries_per_day=59_272,
        peak_queries_per_hour=7_410,
        concurrent_users=618,
    )


@pytest.mark.parametrize(
    ("adoption", "users"), [(0.01, 5_927), (0.025, 14_818), (0.05, 29_636), (0.10, 59_271)]
)
def test_users_of_the_guides_adoption_table(adoption: float, users: int) -> None:
    wanted = demand(GUIDE_NETWORK, Assumptions(adoption=adoption), Rounding.GUIDE)
    assert wanted.users == users


def test_transactions_alone_still_make_a_peak() -> None:
    wanted = demand(GUIDE_NETWORK, Assumptions(adoption=0))
    assert wanted.peak_queries_per_hour == pytest.approx(7_673.667 / 24 * 3, abs=1e-3)


def test_the_guide_takes_the_peak_from_users_alone() -> None:
    wanted = demand(GUIDE_NETWORK, Assumptions(adoption=0), Rounding.GUIDE)
    assert (wanted.peak_queries_per_hour, wanted.queries_per_day) == (0, 7_674)


def test_nobody_asking_is_nobody_at_work() -> None:
    wanted = demand(GUIDE_NETWORK, Assumptions(queries_per_user_per_day=0))
    assert wanted.concurrent_users == 0


@given(
    low=st.integers(0, 10**12),
    more=st.integers(0, 10**12),
    adoption=st.floats(0, 1),
    rounding=st.sampled_from(Rounding),
)
def test_more_addresses_never_ask_less(
    low: int, more: int, adoption: float, rounding: Rounding
) -> None:
    assumptions = Assumptions(adoption=adoption)
    few = demand(replace(GUIDE_NETWORK, active_addresses=low), assumptions, rounding)
    many = demand(replace(GUIDE_NETWORK, active_addresses=low + more), assumptions, rounding)
    assert few.users <= many.users
    assert few.peak_queries_per_hour <= many.peak_queries_per_hour
    assert few.concurrent_users <= many.concurrent_users
