from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK, network_activity
from infra.capacity.rounding import Rounding
from infra.errors import ConfigError


def test_the_guides_snapshot_carries_its_source_and_day() -> None:
    assert GUIDE_NETWORK.observed_on == date(2025, 8, 21)
    assert "guide v3.0" in GUIDE_NETWORK.source


def test_the_guides_snapshot_is_the_printed_one() -> None:
    assert GUIDE_NETWORK.circulating_supply_qu + GUIDE_NETWORK.burned_qu == 175_000_000_000_000
    assert GUIDE_NETWORK.active_addresses == 592_711
    assert (GUIDE_NETWORK.epoch, GUIDE_NETWORK.tick) == (175, 31_536_381)
    assert GUIDE_NETWORK.price_usd * GUIDE_NETWORK.circulating_supply_qu == pytest.approx(
        GUIDE_NETWORK.market_cap_usd, rel=Decimal("1e-5")
    )


def test_exact_activity() -> None:
    activity = network_activity(GUIDE_NETWORK, Assumptions())
    assert activity.tick_efficiency == pytest.approx(0.888155905, abs=1e-9)
    assert activity.effective_ticks_per_day == pytest.approx(76_736.67, abs=0.005)
    assert activity.transactions_per_day == pytest.approx(76_736.67, abs=0.005)
    assert activity.utilisation == pytest.approx(0.52642, abs=5e-6)


def test_activity_as_the_guide_prints_it() -> None:
    activity = network_activity(GUIDE_NETWORK, Assumptions(), Rounding.GUIDE)
    assert activity.tick_efficiency == 0.8882
    assert activity.effective_ticks_per_day == 76_740
    assert activity.transactions_per_day == 76_740
    assert activity.utilisation == 0.5263


def test_before_an_epochs_first_tick_nothing_is_efficient() -> None:
    begun = replace(GUIDE_NETWORK, ticks_in_epoch=0, empty_ticks_in_epoch=0)
    assert begun.tick_efficiency == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("active_addresses", -1),
        ("active_addresses", 10**400),
        ("timestamp", -5),
        ("price_usd", Decimal("NaN")),
        ("price_usd", Decimal("sNaN")),
        ("market_cap_usd", Decimal("Infinity")),
        ("empty_ticks_in_epoch", 36_382),
    ],
)
def test_an_impossible_figure_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        replace(GUIDE_NETWORK, **{name: value})


@given(ticks=st.integers(1, 2**63 - 1), data=st.data())
def test_efficiency_is_a_share(ticks: int, data: st.DataObject) -> None:
    empty = data.draw(st.integers(0, ticks))
    metrics = replace(GUIDE_NETWORK, ticks_in_epoch=ticks, empty_ticks_in_epoch=empty)
    assert 0 <= metrics.tick_efficiency <= 1
