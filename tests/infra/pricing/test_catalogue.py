from __future__ import annotations

from decimal import Decimal

import pytest

from infra.errors import ConfigError
from infra.pricing.catalogue import Price, packaged_prices, read_prices, unit_of, write_prices
from infra.pricing.commitment import commitment

HEADER = "provider,region,sku,term,unit,usd,note,source,date"
ROW = "aws,us-east-1,ec2:g4dn.xlarge,on_demand,hour,0.526,,a page,2026-01-02"
RESERVED = [price for price in packaged_prices().prices.values() if "reserved" in price.term]


def test_the_packaged_catalogue_survives_being_written() -> None:
    book = packaged_prices()
    assert read_prices(write_prices(book.prices.values()), source="again") == book


def test_every_price_says_where_it_comes_from() -> None:
    assert all(price.source and price.date for price in packaged_prices().prices.values())


def test_there_are_forty_two_reserved_rates() -> None:
    assert len(RESERVED) == 42


@pytest.mark.parametrize("price", RESERVED, ids=lambda price: f"{price.region} {price.term}")
def test_a_reserved_rate_resolves_into_cash(price: Price) -> None:
    _, years, upfront, _ = price.term.split("_")
    cash = commitment(price.usd, years=int(years[0]), upfront=upfront)
    assert abs(cash.effective_usd_per_hour / price.usd - 1) < Decimal("0.00001")
    assert cash.upfront_usd == int(cash.upfront_usd)
    assert (cash.upfront_usd == 0) == (upfront == "no")
    assert (cash.usd_per_hour == 0) == (upfront == "all")


@pytest.mark.parametrize(
    ("region", "term", "upfront", "hourly"),
    [
        ("us-east-1", "reserved_1y_partial_upfront", 1_382, "0.158"),
        ("us-east-1", "reserved_1y_all_upfront", 2_709, "0"),
        ("us-east-1", "reserved_3y_partial_upfront", 2_765, "0.105"),
        ("us-east-1", "reserved_3y_all_upfront", 5_198, "0"),
        ("eu-west-1", "reserved_1y_partial_upfront", 1_670, "0.191"),
        ("eu-west-1", "reserved_1y_all_upfront", 3_273, "0"),
        ("eu-west-1", "reserved_3y_all_upfront", 5_795, "0"),
        ("eu-central-1", "reserved_1y_partial_upfront", 1_872, "0.214"),
        ("ap-southeast-1", "reserved_1y_partial_upfront", 1_934, "0.221"),
        ("ap-southeast-1", "reserved_3y_all_upfront", 8_182, "0"),
        ("ap-northeast-1", "reserved_1y_partial_upfront", 2_022, "0.231"),
        ("ap-northeast-1", "reserved_3y_all_upfront", 8_245, "0"),
    ],
)
def test_known_upfront_cash(region: str, term: str, upfront: int, hourly: str) -> None:
    price = packaged_prices().price("aws", region, "ec2:g4dn.xlarge", term)
    assert price is not None
    _, years, kind, _ = term.split("_")
    cash = commitment(price.usd, years=int(years[0]), upfront=kind)
    assert (cash.upfront_usd, cash.usd_per_hour) == (upfront, Decimal(hourly))


def test_a_rate_that_no_cash_gives_is_refused() -> None:
    with pytest.raises(ConfigError, match="no whole dollars upfront"):
        commitment(Decimal("0.3157000001"), years=1, upfront="partial")


def test_a_region_is_filled_only_where_it_lacks_a_price() -> None:
    book = packaged_prices().filled("eu-west-1", "us-east-1")
    nat = book.price("aws", "eu-west-1", "nat-gateway")
    own = book.price("aws", "eu-west-1", "ec2:g4dn.xlarge")
    assert nat is not None
    assert (nat.usd, nat.note) == (Decimal("0.045"), "priced as in us-east-1")
    assert own is not None
    assert own.usd == Decimal("0.587")


def test_the_longest_known_beginning_gives_the_unit() -> None:
    assert unit_of("wafv2:requests") == "million"
    assert unit_of("wafv2:rule") == "month"
    assert unit_of("quantum:qubit") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{HEADER}\n{ROW}\n{ROW}", "line 3: aws us-east-1 ec2:g4dn.xlarge on_demand stands twice"),
        (f"{HEADER}\n{ROW.replace('hour', 'GB')}", "line 2: ec2:g4dn.xlarge is priced by the GB"),
        (f"{HEADER}\n{ROW.replace('0.526', '0')}", "line 2: price 0 is not above 0"),
        (f"{HEADER}\n{ROW.replace('0.526', '-1')}", "line 2: price -1 is not above 0"),
        (f"{HEADER}\n{ROW.replace('0.526', 'NaN')}", "line 2: price NaN is not above 0"),
        (f"{HEADER}\n{ROW.replace('0.526', 'free')}", "line 2: price 'free' is not a number"),
        (f"{HEADER}\n{ROW.replace('on_demand', 'ondemand')}", "did you mean 'on_demand'"),
        (f"{HEADER}\n{ROW.replace('ec2:', 'ec3:')}", "nothing is known of the sku 'ec3:"),
        (f"{HEADER}\n{ROW.replace('2026-01-02', 'today')}", "date 'today' is not YYYY-MM"),
        (f"{HEADER}\n{ROW[:30]}", "line 2: not 9 values"),
        (f"{HEADER},x\n{ROW},1", "line 1: column 'x' is unknown"),
        (HEADER.replace(",date", ""), "line 1: column 'date' is missing"),
        (f'{HEADER}\n"{ROW}', "not CSV"),
        ("", "column 'provider' is missing"),
    ],
)
def test_a_wrong_catalogue_is_named_by_line(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_prices(text, source="p.csv")
    assert str(caught.value).startswith("p.csv")
    assert reason in str(caught.value)
