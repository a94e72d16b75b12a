from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.observation import Observation, read_observation
from infra.errors import ConfigError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WIRE = {
    "timestamp": "1755765984",
    "circulatingSupply": "155563915170467",
    "activeAddresses": 592_711,
    "price": 0.000002727,
    "marketCap": "424222802",
    "epoch": 175,
    "currentTick": 31_536_381,
    "ticksInCurrentEpoch": 36_381,
    "emptyTicksInCurrentEpoch": 4_069,
    "epochTickQuality": 88.815_59,
    "burnedQus": "19436084829533",
}


def read(figures: object, *, strict: bool = True) -> Observation:
    text = figures if isinstance(figures, str | bytes) else json.dumps(figures)
    return read_observation(text, source="f.json", strict=strict, now=NOW)


def test_the_wire_says_what_the_guide_prints() -> None:
    found = read({"data": WIRE}, strict=False)
    assert found.notes == ()
    assert found.to_json() == Observation(metrics=GUIDE_NETWORK).to_json()


def test_what_is_written_is_read_again() -> None:
    assert (
        read(Observation(metrics=GUIDE_NETWORK).to_json()).metrics == read({"data": WIRE}).metrics
    )


@pytest.mark.parametrize("missing", WIRE)
def test_any_figure_may_be_missing_and_is_named(missing: str) -> None:
    found = read({name: value for name, value in WIRE.items() if name != missing})
    assert found.metrics.active_addresses == 592_711
    assert bool(found.notes) == (missing != "epochTickQuality")


def test_what_follows_from_other_figures_is_computed() -> None:
    kept = ("epoch", "circulatingSupply", "price", "ticksInCurrentEpoch", "epochTickQuality")
    found = read({name: WIRE[name] for name in kept})
    assert found.metrics.burned_qu == GUIDE_NETWORK.burned_qu
    assert found.metrics.empty_ticks_in_epoch == GUIDE_NETWORK.empty_ticks_in_epoch
    assert found.metrics.market_cap_usd == Decimal("0.000002727") * 155_563_915_170_467
    assert "computed from the other figures: burned_qu, market_cap_usd" in found.notes[0]


def test_one_figure_of_ones_own_stands_on_the_guides_others() -> None:
    found = read({"active_addresses": 800_000})
    assert found.metrics.active_addresses == 800_000
    assert found.metrics.tick == GUIDE_NETWORK.tick
    assert "taken from the guide v3.0 §1.1, measured 2025-08-21: timestamp" in found.notes[0]


@pytest.mark.parametrize(
    ("figures", "ticks", "empty"),
    [
        ({"ticks_in_epoch": 100}, 100, 11),
        ({"empty_ticks_in_epoch": 40_000}, 357_633, 40_000),
        ({"epochTickQuality": 50}, 36_381, 18_190),
        ({"epochTickQuality": 100, "empty_ticks_in_epoch": 5}, 36_381, 5),
    ],
)
def test_ticks_are_completed_at_the_stated_quality_or_the_guides(
    figures: dict[str, object], ticks: int, empty: int
) -> None:
    metrics = read(figures).metrics
    assert metrics.ticks_in_epoch == pytest.approx(ticks, abs=50)
    assert metrics.empty_ticks_in_epoch == empty


def test_figures_without_a_time_are_of_no_date() -> None:
    assert not read({"epoch": 170, "active_addresses": 1}).dated
    assert read(WIRE).dated


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"epochTickQuality": 99}, "tick quality of 99 % contradicts its ticks: 88.82 %"),
        ({"marketCap": "9"}, "market cap of 9 USD contradicts price x supply: 424,222,797 USD"),
    ],
)
def test_a_contradiction_is_noted(change: dict[str, object], note: str) -> None:
    (only,) = read(WIRE | change).notes
    assert note in only


def test_the_wire_may_grow() -> None:
    assert read({"data": WIRE | {"newField": []}}, strict=False).notes == ()


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ("", "f.json: not JSON, or cut short"),
        ('{"data": {"epoch": 1', "f.json: not JSON, or cut short"),
        ("[" * 100_000, "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        ("<html>", "not JSON, or cut short"),
        ([], "not a JSON object"),
        ({"data": []}, "not a JSON object"),
        ({}, "none of the network's figures"),
        ({"data": {"epoch": None}}, "none of the network's figures"),
        ({"activeAddreses": 1}, "'activeAddreses' is unknown; did you mean 'active_addresses'"),
        ({"epoch": "1e999999999"}, "epoch is '1e999999999', not a whole number"),
        ({"epoch": 1.5}, "epoch is '1.5', not a whole number"),
        ({"epoch": True}, "epoch is 'True', not a whole number"),
        ({"epoch": "x" * 10_000}, "not a whole number"),
        ({"epoch": {}}, "not a whole number"),
        ({"price": "1e-99999999"}, "price is '1e-99999999', not a number"),
        ({"data": {"epoch": 1}, "adress": 3}, "'adress' stands beside 'data'"),
        ({"tick": 1, "currentTick": 2}, "tick stands twice, under two names"),
        ('{"epoch": 1, "epoch": 2}', "'epoch' stands twice"),
        ({"price": "cheap"}, "price is 'cheap', not a number"),
        ('{"price": NaN}', "NaN is not a number"),
        ('{"price": -Infinity}', "-Infinity is not a number"),
        ({"price": "Infinity"}, "not a number"),
        ({"price": -1}, "price_usd is -1: must be a number in [0, "),
        ({"active_addresses": -1}, "active_addresses is -1: must be a number in [0, "),
        ({"active_addresses": 2**32}, "active_addresses is 4294967296: must be a number in [0, "),
        (
            {"epoch": 1, "epochTickQuality": 101},
            "epochTickQuality is 101: must be a number in [0, 100]",
        ),
        ({"ticks_in_epoch": 1, "empty_ticks_in_epoch": 2}, "more than the epoch's 1 ticks"),
        ({"timestamp": 0}, "timestamp is 0: must be a number in [1650000000"),
        (
            {"timestamp": int((NOW + timedelta(hours=2)).timestamp())},
            "2.0 hours from now",
        ),
        ({"epoch": 1, "circulatingSupply": "1000000000001"}, "more than the 1000000000000 that 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(figures: object, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(figures)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.dictionaries(
        st.sampled_from(sorted(WIRE)),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=8)
        | st.integers().map(str)
        | st.lists(st.integers(), max_size=2),
    )
)
def test_whatever_is_told_is_read_or_refused(figures: dict[str, object]) -> None:
    try:
        found = read({"data": figures}, strict=False)
    except ConfigError:
        return
    assert 0 <= found.metrics.tick_efficiency <= 1
    if "epoch" not in figures:  # it may contradict the supply, which is the guide's if missing
        assert read(found.to_json()).metrics == found.metrics
