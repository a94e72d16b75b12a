from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.pricing.catalogue import (
    HIGHEST_USD,
    Price,
    PriceBook,
    packaged_prices,
    read_prices,
    write_prices,
)
from infra.pricing.commitment import commitment
from infra.pricing.refresh import (
    TAKEN,
    Quote,
    Verdict,
    effective_rate,
    judge,
    keep,
    merged,
    plain,
)

TODAY = date(2026, 11, 24)
QUOTE = Quote(
    provider="aws",
    region="us-east-1",
    sku="ec2:g4dn.xlarge",
    term="on_demand",
    unit="hour",
    usd=Decimal("0.526"),
    source="https://prices",
)
found = packaged_prices().price(*QUOTE.key)
assert found is not None
OLD: Price = found

anything = st.decimals(allow_nan=True, allow_infinity=True)
prices = st.decimals(min_value="0.000001", max_value=HIGHEST_USD, places=6)


def quoted(usd: Decimal | str, **changes: str) -> Quote:
    return replace(QUOTE, usd=Decimal(usd), **changes)


@given(usd=anything, old=st.none() | prices, accept=st.booleans())
def test_what_is_taken_can_be_read_again(usd: Decimal, old: Decimal | None, accept: bool) -> None:
    before = None if old is None else replace(OLD, usd=old)
    outcome = judge(quoted(usd), before, today=TODAY, accept=accept)
    if outcome.verdict not in TAKEN:
        assert outcome.new is None
        return
    assert outcome.new is not None
    book = read_prices(write_prices([outcome.new]), source="again")
    assert book == PriceBook({QUOTE.key: outcome.new})
    assert abs(outcome.new.usd - usd) <= Decimal("0.0000000005")


@given(usd=anything, old=prices)
def test_without_acceptance_nothing_moves_by_more_than_thirty_percent(
    usd: Decimal, old: Decimal
) -> None:
    outcome = judge(quoted(usd), replace(OLD, usd=old), today=TODAY, accept=False)
    if outcome.new is not None:
        assert abs(outcome.new.usd - old) <= old * Decimal("0.3")
    if usd.is_finite() and abs(usd - old) > old * Decimal("0.31"):
        assert outcome.verdict is Verdict.REFUSED


@given(usd=anything.filter(lambda usd: not (usd.is_finite() and usd > 0)), accept=st.booleans())
def test_no_acceptance_makes_an_impossible_price_pass(usd: Decimal, accept: bool) -> None:
    outcome = judge(quoted(usd), OLD, today=TODAY, accept=accept)
    assert outcome.verdict is Verdict.REFUSED
    assert outcome.remark.endswith("; kept 0.526 of 2025-11-30, 359 days old")


@given(
    years=st.sampled_from((1, 3)),
    hourly=st.integers(30, 20_000),
    share=st.decimals("0.95", "1.05", places=3),
)
def test_a_partial_upfront_rate_resolves_into_cash_that_is_as_dear(
    years: int, hourly: int, share: Decimal
) -> None:
    per_hour = Decimal(hourly) / 1000
    upfront = (per_hour * share * years * 8_760).quantize(Decimal(1))
    rate = effective_rate(upfront_usd=upfront, usd_per_hour=per_hour, years=years)
    cash = commitment(rate, years=years, upfront="partial")
    # Another pair may fit as well, but it is as dear to half a cent a year.
    assert abs(cash.effective_usd_per_hour - rate) <= Decimal("0.0000005")


@pytest.mark.parametrize(
    ("upfront", "hourly"), [("-1", "1"), ("NaN", "1"), ("1", "-1"), ("1", "Infinity"), ("1e9", "1")]
)
def test_a_rate_of_impossible_parts_is_none(upfront: str, hourly: str) -> None:
    rate = effective_rate(upfront_usd=Decimal(upfront), usd_per_hour=Decimal(hourly), years=1)
    assert rate.is_nan()


@pytest.mark.parametrize(
    ("usd", "verdict", "change"),
    [
        ("0.526", Verdict.UNCHANGED, "0.0"),
        ("0.5260000000", Verdict.UNCHANGED, "0.0"),
        ("0.6838", Verdict.CHANGED, "30.0"),
        ("0.3682", Verdict.CHANGED, "-30.0"),
        ("0.6839", Verdict.REFUSED, "30.0"),
        ("0.3681", Verdict.REFUSED, "-30.0"),
        ("0.68906", Verdict.REFUSED, "31.0"),
    ],
)
def test_thirty_percent_is_the_most(usd: str, verdict: Verdict, change: str) -> None:
    outcome = judge(quoted(usd), OLD, today=TODAY, accept=False)
    assert (outcome.verdict, outcome.change_percent) == (verdict, Decimal(change))


def test_a_taken_price_names_its_source_and_day() -> None:
    outcome = judge(quoted("0.7"), OLD, today=TODAY, accept=True)
    assert outcome.new is not None
    assert outcome.new.reference == "https://prices, 2026-11-24"


def test_a_note_stays_until_a_source_brings_another() -> None:
    noted = replace(OLD, note="old")
    assert judge(quoted("0.5"), noted, today=TODAY, accept=False).new.note == "old"
    assert judge(quoted("0.5", note="new"), noted, today=TODAY, accept=False).new.note == "new"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"unit": "GB"}, "priced by the GB, not the hour"),
        ({"sku": "quantum:qubit"}, "nothing is known of this sku"),
        ({"flaw": "offered at 1 and 2"}, "offered at 1 and 2"),
    ],
)
def test_a_price_of_something_else_is_refused(changes: dict[str, str], reason: str) -> None:
    outcome = judge(quoted("0.526", **changes), None, today=TODAY, accept=True)
    assert outcome.remark == f"{reason}; no earlier price"
    assert outcome.change_percent is None


def test_only_what_was_taken_is_merged() -> None:
    new = judge(quoted("1", region="us-east-2"), None, today=TODAY, accept=False)
    refused = judge(quoted("0"), OLD, today=TODAY, accept=False)
    book = merged(PriceBook({OLD.key: OLD}), [new, refused, keep(OLD, today=TODAY)])
    assert book.prices == {OLD.key: OLD, new.key: new.new}


@given(usd=prices)
def test_a_plain_price_loses_nothing(usd: Decimal) -> None:
    text = plain(usd)
    assert Decimal(text) == usd
    assert "E" not in text


def test_a_huge_number_is_not_written_out() -> None:
    assert plain(Decimal("1e999999")) == "1E+999999"
