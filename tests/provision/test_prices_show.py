"""`qinfra prices show`, and the file that a refresh leaves to it and to every other command."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from click.testing import CliRunner, Result

from infra.pricing.catalogue import Price, PriceBook, packaged_prices
from provision.cli import main
from provision.prices import (
    known_versions,
    load_prices,
    prices_file,
    save_prices,
    save_version,
)
from provision.report.prices import price_rows

Prices = Callable[..., Result]
KEY = ("aws", "us-east-1", "ec2:g4dn.xlarge", "on_demand")


def newer(usd: str = "0.6") -> Price:
    old = packaged_prices().prices[KEY]
    return replace(old, usd=Decimal(usd), source="https://live", date="2026-11-01")


def shown(prices: Prices, *arguments: str) -> list[dict[str, str]]:
    result = prices("show", *arguments, "--json")
    assert result.exit_code == 0
    rows: list[dict[str, str]] = json.loads(result.stdout)["prices"]
    return rows


def test_all_prices_are_shown(prices: Prices) -> None:
    assert len(shown(prices)) == len(packaged_prices().prices)


def test_filters_narrow_together(prices: Prices) -> None:
    rows = shown(prices, "--provider", "aws", "--region", "us-east-1", "--sku", "g4dn")
    assert len(rows) == 9
    assert {row["sku"] for row in rows} == {"ec2:g4dn.xlarge"}


def test_a_row_says_how_old_it_is_and_whether_it_was_refreshed() -> None:
    old = packaged_prices().prices[KEY]
    spot = packaged_prices().prices[(*KEY[:3], "spot_low")]
    first, second = price_rows([newer(), spot], {KEY: old}, date(2026, 11, 24))
    assert (first["age"], first["origin"], first["usd"]) == ("23 days", "refreshed", "0.6")
    assert (second["age"], second["origin"], second["date"]) == ("14 months", "packaged", "2025-09")


def test_a_refreshed_price_is_what_every_command_uses(prices: Prices) -> None:
    del prices  # only its surroundings
    cost = ("cost", "--phase", "mvp", "--purchase", "on-demand", "--json")
    before = CliRunner().invoke(main, cost).stdout
    assert save_prices(PriceBook({KEY: newer()}))
    assert load_prices().prices[KEY] == newer()
    after = CliRunner().invoke(main, cost).stdout
    assert '"https://live"' in after
    assert '"https://live"' not in before
    assert not save_prices(PriceBook({KEY: newer()}))


def test_formats_agree(prices: Prices) -> None:
    arguments = ("--region", "global")
    rows = shown(prices, *arguments)
    text = prices("show", *arguments, "--format", "csv").stdout
    assert list(csv.DictReader(io.StringIO(text))) == rows
    table = prices("show", *arguments).stdout
    assert len(table.splitlines()) == len(rows) + 1
    assert table.startswith("PROVIDER  REGION")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_nothing_found_is_no_error(prices: Prices, form: str) -> None:
    result = prices("show", "--sku", "quantum", "--format", form)
    assert result.exit_code == 0
    assert result.stderr == "no price in the catalogue is like that\n"
    assert len(result.stdout.splitlines()) == {"table": 0, "csv": 1, "json": 3}[form]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--provider", "azur"], "provider 'azur' is unknown"),
        (["--provider", "awss"], "did you mean 'aws'?"),
        (["--region", "us-eat-1"], "region 'us-eat-1' is unknown; did you mean 'us-east-1'?"),
        (["--format", "md"], "format 'md' is unknown"),
    ],
)
def test_unknown_names_are_refused_in_a_line(
    prices: Prices, arguments: list[str], reason: str
) -> None:
    result = prices("show", *arguments)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_a_spoilt_file_is_named_with_its_line(prices: Prices) -> None:
    save_prices(PriceBook({KEY: newer()}))
    prices_file().write_text(prices_file().read_text().replace("2026-11-01", "2026-13"))
    result = prices("show")
    assert result.exit_code == 2
    assert f"{prices_file()} line 2: date '2026-13'" in result.stderr


def test_spoilt_versions_are_as_none(prices: Prices) -> None:
    del prices
    save_version("https://a", '"1"')
    save_version("https://b", '"2"')
    assert known_versions() == {"https://a": '"1"', "https://b": '"2"'}
    (prices_file().parent / "prices.etags.json").write_text("[")
    assert known_versions() == {}
