"""`qinfra prices refresh` from offer files that a real server sends, well or badly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from infra.pricing.commitment import commitment
from provision.clouds.offer_file import OfferFile
from provision.prices import load_prices
from tests.provision.loopback import Handler, Loopback, Reply, answer, broken_off, loopback
from tests.provision.offers import machine, offer_file, rows

Prices = Callable[..., Result]
EAST, WEST = "us-east-1", "us-west-2"
SKU = "ec2:g4dn.xlarge"
KEPT = "kept 0.526 of 2025-11-30"


def path(region: str) -> str:
    return f"/offers/v1.0/aws/AmazonEC2/current/{region}/index.csv"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with loopback() as running:
        monkeypatch.setenv("QINFRA_AWS_PRICE_URL", running.url)
        yield running


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "data" / "qinfra" / "prices.csv"


def refreshed(prices: Prices, *arguments: str, region: str = EAST) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the prices by term, or by sku where they have only one."""
    result = prices("refresh", "--region", region, "--json", *arguments)
    (reading,) = json.loads(result.stdout)["readings"]
    by_term = {
        each["term"] if each["sku"] == SKU else each["sku"]: each for each in reading["prices"]
    }
    assert len(by_term) == len(reading["prices"])
    return result.exit_code, by_term


def usd(region: str, sku: str = SKU, term: str = "on_demand") -> Decimal:
    price = load_prices().price("aws", region, sku, term)
    assert price is not None
    return price.usd


def test_a_region_is_read_and_only_what_is_wanted(
    prices: Prices, server: Loopback, kept: Path
) -> None:
    server.routed[path(EAST)] = answer(offer_file(PricePerUnit="0.5520000000"))
    code, found = refreshed(prices)
    assert code == 0
    assert len(found) == 10
    assert {name: each["verdict"] for name, each in found.items()} == {
        name: "changed" if name == "on_demand" else "unchanged" for name in found
    }
    assert found["on_demand"]["change_percent"] == "4.9"
    price = load_prices().price("aws", EAST, SKU)
    assert price is not None
    assert price.usd == Decimal("0.552")
    assert price.source == server.url + path(EAST)
    assert price.date == datetime.now(UTC).date().isoformat()
    assert kept.stat().st_mode & 0o777 == 0o644


def test_a_region_without_prices_of_its_own_gets_them(prices: Prices, server: Loopback) -> None:
    server.routed[path(WEST)] = answer(offer_file())
    code, found = refreshed(prices, region=WEST)
    assert code == 0
    assert {name for name, each in found.items() if each["verdict"] == "new"} == {
        "ebs:gp3",
        "nat-gateway",
        "nat-gateway:data",
    }
    assert usd(WEST, "nat-gateway") == Decimal("0.045")


def test_a_partial_upfront_rate_resolves_to_the_dollar(prices: Prices, server: Loopback) -> None:
    offers = [
        offer | ({"PricePerUnit": "1400"} if offer["PricePerUnit"] == "1382" else {})
        for offer in rows()
    ]
    server.routed[path(EAST)] = answer(offer_file(offers))
    code, found = refreshed(prices)
    assert code == 0
    assert found["reserved_1y_partial_upfront"]["new_usd"] == "0.317817"
    rate = usd(EAST, term="reserved_1y_partial_upfront")
    cash = commitment(rate, years=1, upfront="partial")
    assert (cash.upfront_usd, cash.usd_per_hour) == (Decimal(1400), Decimal("0.158"))


def test_nothing_is_written_twice_a_day_nor_on_a_dry_run(
    prices: Prices, server: Loopback, kept: Path
) -> None:
    server.routed[path(EAST)] = answer(offer_file(), headers={"etag": '"1"'})
    dry = prices("refresh", "--region", EAST, "--dry-run")
    assert dry.exit_code == 0
    assert not kept.parent.exists()
    assert prices("refresh", "--region", EAST).exit_code == 0
    before = kept.stat()
    server.routed[path(EAST)] = answer(offer_file())
    assert "nothing written\n" in prices("refresh", "--region", EAST).stderr
    assert kept.stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("0.0000000000", "0 is not above 0"),
        ("-0.526", "-0.526 is not above 0"),
        ("free", "no finite number"),
        ("Infinity", "no finite number"),
        ("0.6890600000", "more than 30% from 0.526"),
    ],
)
def test_a_price_that_cannot_be_right_is_refused_and_the_rest_saved(
    prices: Prices, server: Loopback, price: str, reason: str
) -> None:
    server.routed[path(EAST)] = answer(offer_file(PricePerUnit=price))
    code, found = refreshed(prices)
    assert code == 6
    assert found["on_demand"]["verdict"] == "refused"
    assert found["on_demand"]["remark"].startswith(reason)
    assert f"; {KEPT}, " in found["on_demand"]["remark"]
    assert usd(EAST) == Decimal("0.526")
    assert load_prices().price("aws", EAST, "nat-gateway").source.startswith(server.url)


def test_a_jump_passes_when_it_is_accepted_whatever_version_it_came_with(
    prices: Prices, server: Loopback
) -> None:
    server.routed[path(EAST)] = versioned('"1"', offer_file(PricePerUnit="0.68906"))
    assert refreshed(prices)[0] == 6
    code, found = refreshed(prices, "--accept")
    assert (code, found["on_demand"]["verdict"]) == (0, "changed")
    assert usd(EAST) == Decimal("0.68906")


def versioned(etag: str, body: str) -> Reply:
    """Answers 304 to whom knows the version."""

    def reply(handler: Handler) -> None:
        known = handler.headers.get("if-none-match") == etag
        handler.send(304 if known else 200, b"" if known else body.encode(), {"etag": etag})

    return reply


def test_a_version_that_is_known_is_not_sent_again(
    prices: Prices, server: Loopback, kept: Path
) -> None:
    server.routed[path(EAST)] = versioned('"1"', offer_file())
    assert refreshed(prices)[0] == 0
    code, found = refreshed(prices)
    assert code == 0
    assert server.requests[-1].headers["if-none-match"] == '"1"'
    assert {each["verdict"] for each in found.values()} == {"unchanged"}
    assert "nothing newer" in prices("refresh", "--region", EAST).stderr
    kept.unlink()  # the version is still known, the prices are not
    assert refreshed(prices)[0] == 0
    assert "if-none-match" not in server.requests[-1].headers
    assert kept.exists()


def test_a_servers_error_is_asked_again(prices: Prices, server: Loopback) -> None:
    server.replies = [answer("", status=500), answer(offer_file())]
    assert refreshed(prices)[0] == 0
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (broken_off(offer_file(PricePerUnit="0.55")), "without sending complete message"),
        (answer(offer_file(PricePerUnit="0.55")[:-200]), "cut short or spoilt"),
        (answer(offer_file(PricePerUnit="0.55")[:-2]), "cut short or spoilt: unexpected end"),
        (answer("<html><body>try later</body></html>"), "no offer file, it begins with '<html>"),
        (answer("<html>\n" * 20_000), "no offer file, it begins with '<html>"),
        (answer("x" * 1_200_000), "a line has more than 1 MiB"),
        (answer(""), "no offer file, it begins with ''"),
        (answer(offer_file([])), "has none of the catalogue's prices"),
        (answer(offer_file().replace('"Tenancy"', '"Rent"')), "column 'Tenancy' is missing"),
        (answer(offer_file().replace('"g4dn.xlarge"', '"g4dn.xlarge"x')), "cut short or spoilt"),
        (answer(offer_file().encode() + b'"g4dn.xlarge \xff"\n'), "cut short or spoilt"),
        (answer("", status=404), "answered 404"),
        (answer("", status=304), "answered 304"),
    ],
)
def test_a_bad_file_changes_nothing_of_its_region_and_nothing_of_another(
    prices: Prices, server: Loopback, bad: Reply, reason: str
) -> None:
    server.routed = {path(EAST): bad, path(WEST): answer(offer_file())}
    alone = prices("refresh", "--region", EAST)
    assert alone.exit_code == 5
    assert re.search(reason, alone.stderr)
    assert len(alone.stderr.splitlines()) == 5
    assert alone.stdout.count(f"kept     {KEPT}, ") == 1

    both = prices("refresh", "--region", f"{EAST},{WEST}")
    assert both.exit_code == 6
    assert "1 of 2 readings failed, 0 prices were refused and 10 could not be read" in both.stderr
    assert load_prices().price("aws", EAST, SKU).date == "2025-11-30"
    assert load_prices().price("aws", WEST, SKU).source == server.url + path(WEST)


def test_half_a_price_and_two_prices_are_refused(prices: Prices, server: Loopback) -> None:
    offers = [offer for offer in rows() if offer["PricePerUnit"] != "1382"]
    server.routed[path(EAST)] = answer(offer_file([*offers, machine(PricePerUnit="0.53")]))
    code, found = refreshed(prices)
    assert code == 6
    half, two = found["reserved_1y_partial_upfront"], found["on_demand"]
    assert half["remark"].startswith("only half of the price is offered; kept 0.315763 of ")
    assert two["remark"].startswith("offered at 0.5260000000 and at 0.53; kept 0.526 of ")


def test_what_a_source_no_longer_gives_is_kept(prices: Prices, server: Loopback) -> None:
    offers = [offer for offer in rows() if offer.get("LeaseContractLength") != "3yr"]
    server.routed[path(EAST)] = answer(offer_file(offers))
    code, found = refreshed(prices)
    assert code == 6
    kept = [name for name, each in found.items() if each["verdict"] == "kept"]
    assert len(kept) == 3
    assert all(name.startswith("reserved_3y_") for name in kept)


@pytest.mark.parametrize("size", [1, 7, 100, 4_096, 10**6])
def test_where_the_pieces_end_does_not_matter(size: int) -> None:
    content = offer_file().encode().replace(b"\n", b"\r\n")
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    offers = list(OfferFile("x").offers(pieces))
    assert offers == list(OfferFile("x").offers([offer_file().encode().rstrip(b"\n")]))
    assert len(offers) > 30


def test_a_folder_that_cannot_be_written_is_told(
    prices: Prices, server: Loopback, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("")
    server.routed[path(EAST)] = answer(offer_file())
    result = prices("refresh", "--region", EAST)
    assert result.exit_code == 2
    assert re.search("cannot be (read|written)", result.stderr)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--source", "aws-bluk"], "source 'aws-bluk' is unknown; did you mean 'aws-bulk'?"),
        (["--region", "us-eat-1"], "region 'us-eat-1' is unknown; did you mean 'us-east-1'?"),
        (["--region", "us-central1"], "region 'us-central1' is of gcp, which aws-bulk does not"),
    ],
)
def test_what_cannot_be_asked_is_refused(prices: Prices, arguments: list[str], reason: str) -> None:
    result = prices("refresh", *arguments)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_a_password_in_the_base_is_not_shown(
    prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QINFRA_AWS_PRICE_URL", "http://me:secret@prices")
    result = prices("refresh")
    assert result.exit_code == 2
    assert "secret" not in result.output
