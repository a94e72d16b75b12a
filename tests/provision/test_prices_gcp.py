"""`qinfra prices refresh` from Google's catalogue of prices, on a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import Result

from provision.prices import load_prices
from tests.provision.loopback import Handler, Loopback, Reply, answer, loopback

Prices = Callable[..., Result]
KEY = "AIza-a-key-that-must-stay-secret"
WHERE = ("us-central1", "europe-west1")
MACHINE, DISK = "compute:n1-standard-4", "disk:pd-ssd"


@pytest.fixture
def server(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with loopback() as running:
        monkeypatch.setenv("QINFRA_GCP_BILLING_URL", running.url)
        monkeypatch.setenv("GOOGLE_API_KEY", KEY)
        yield running


def sku(
    description: str, nanos: object, unit: str = "h", usage: str = "OnDemand", **price: str
) -> dict[str, Any]:
    unit_price = {"currencyCode": "USD", "units": "0", "nanos": nanos, **price}
    return {
        "description": description,
        "category": {"resourceFamily": "Compute", "usageType": usage},
        "serviceRegions": [*WHERE, "me-west1"],
        "pricingInfo": [
            {
                "pricingExpression": {
                    "usageUnit": unit,
                    "tieredRates": [{"startUsageAmount": 0, "unitPrice": unit_price}],
                }
            }
        ],
    }


CORE = sku("N1 Predefined Instance Core running in Americas", 31_611_000)
RAM = sku("N1 Predefined Instance Ram running in Americas", 4_237_000, "GiBy.h")
SPOT_CORE = sku("Spot Preemptible N1 Predefined Instance Core", 8_690_000, usage="Preemptible")
SPOT_RAM = sku("N1 Predefined Instance Ram", 1_165_000, "GiBy.h", usage="Preemptible")
SSD = sku("SSD backed PD Capacity in Iowa", 170_000_000, "GiBy.mo")
BESIDE = [
    sku("N1 Predefined Instance Core running in Americas", 22_000_000, usage="Commit1Yr"),
    sku("N2 Instance Core running in Americas", 1),
    sku("Sole Tenancy Premium for N1 Predefined Instance Core", 2),
    sku("Regional SSD backed PD Capacity", 340_000_000, "GiBy.mo"),
    sku("SSD backed Local Storage", 80_000_000, "GiBy.mo"),
]


def paged(*pages: list[dict[str, Any]]) -> Reply:
    """Answers with a page after another to whom has the key."""

    def reply(handler: Handler) -> None:
        if handler.headers["x-goog-api-key"] != KEY:
            return handler.send(403, b"{}")
        query = parse_qs(urlsplit(handler.path).query)
        assert query["pageSize"] == ["5000"]
        at = int(query.get("pageToken", ["0"])[0])
        token = str(at + 1) if at + 1 < len(pages) else ""
        document = {"skus": pages[at], "nextPageToken": token}
        return handler.send(200, json.dumps(document).encode())

    return reply


def refreshed(prices: Prices, *arguments: str) -> Result:
    return prices("refresh", "--source", "gcp", "--region", ",".join(WHERE), *arguments)


def usd(name: str, term: str = "on_demand", region: str = WHERE[0]) -> Decimal | None:
    price = load_prices().price("gcp", region, name, term)
    return price.usd if price else None


def test_machines_are_the_sum_of_their_parts_over_all_pages(
    prices: Prices, server: Loopback, tmp_path: Path
) -> None:
    server.replies = [paged([CORE, *BESIDE], [SPOT_RAM, SSD, RAM], [SPOT_CORE])]
    result = refreshed(prices, "--json")
    assert result.exit_code == 0
    (reading,) = json.loads(result.stdout)["readings"]
    assert reading["read"] == "3 pages"
    assert len(reading["prices"]) == 6
    assert usd(MACHINE) == Decimal("0.189999")
    assert usd(MACHINE, "spot") == Decimal("0.052235")
    assert usd(DISK, region="europe-west1") == Decimal("0.17")
    note = load_prices().price("gcp", WHERE[0], MACHINE).note
    assert note.startswith("sustained use")

    written = [path.read_text() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert len(written) == 1
    assert all(KEY not in text for text in (*written, result.output))
    assert all(KEY not in request.path for request in server.requests)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([CORE], "memory has no price"),
        ([sku("N1 Predefined Instance Core", 0), RAM], "a core at 0"),
        ([sku("N1 Predefined Instance Core", "x"), RAM], "a core at NaN"),
        ([sku("N1 Predefined Instance Core", 31_611_000, currencyCode="EUR"), RAM], "at NaN"),
        ([sku("N1 Predefined Instance Core", 31_611_000, "mo"), RAM], "not priced by the hour"),
        ([CORE, sku("N1 Predefined Instance Core", 9), RAM], "offered at 0.031611"),
        ([sku("N1 Predefined Instance Core", 99_000_000), RAM], "more than 30% from 0.19"),
    ],
)
def test_a_machine_of_parts_that_cannot_be_right_is_refused(
    prices: Prices, server: Loopback, parts: list[dict[str, Any]], reason: str
) -> None:
    server.replies = [paged([*parts, SSD])]
    result = refreshed(prices)
    assert result.exit_code == 6
    assert reason in result.stdout
    assert "kept 0.19 of 2025-09, " in result.stdout
    assert usd(MACHINE) == Decimal("0.19")
    assert usd(DISK, region="europe-west1") == Decimal("0.17")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (answer("{"), "not JSON, or cut short"),
        (answer("[]"), "an answer without a list of prices"),
        (answer("{}"), "an answer without a list of prices"),
        (answer('{"skus": [3]}'), "an answer that makes no sense"),
        (answer('{"skus": [{"description": "N1"}]}'), "an answer that makes no sense"),
        (answer("", status=403), "answered 403"),
        (answer('{"skus": [], "nextPageToken": "again"}'), "more than 100 pages"),
        (answer('{"skus": []}'), "has none of the catalogue's prices"),
    ],
)
def test_a_bad_answer_is_told_in_a_line_without_the_key(
    prices: Prices, server: Loopback, bad: Reply, reason: str
) -> None:
    server.replies = [bad]
    result = refreshed(prices)
    assert result.exit_code == 5
    assert reason in result.stderr
    assert len(result.stderr.splitlines()) == 5
    assert KEY not in result.output
    assert not load_prices().price("gcp", "europe-west1", DISK)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "GOOGLE_API_KEY is not set"),
        ("two secret\nlines", "holds characters that no key has"),
        ("secret ü", "holds characters that no key has"),
    ],
)
def test_without_a_key_that_can_be_sent_nothing_is_asked(
    prices: Prices, server: Loopback, monkeypatch: pytest.MonkeyPatch, key: str, reason: str
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", key)
    result = refreshed(prices)
    assert result.exit_code == 3
    assert reason in result.stderr
    assert "secret" not in result.output
    assert not server.requests


def test_the_key_does_not_travel_unencrypted(
    prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QINFRA_GCP_BILLING_URL", "http://billing.example")
    result = refreshed(prices)
    assert result.exit_code == 2
    assert "the key would travel unencrypted" in result.stderr
