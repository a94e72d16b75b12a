"""`qinfra prices refresh` through boto3, against a real server on loopback.

Spot prices come from the loopback server too: moto says 0.00001 of 2006 for every zone, of another
product, so nothing could be said about the lowest and the highest of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest
from click.testing import Result

from provision.prices import load_prices
from tests.provision.loopback import Handler, Loopback, Reply, answer, loopback
from tests.provision.offers import machine, reserved

Prices = Callable[..., Result]
SKU = "ec2:g4dn.xlarge"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with loopback() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", running.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", running.url)
        yield running


def product(*offers: dict[str, str]) -> str:
    """Return offers of one product as an entry of PriceList."""
    first = offers[0]
    terms: dict[str, dict[str, Any]] = {}
    for at, offer in enumerate(offers):
        kind = terms.setdefault(offer["TermType"], {})
        kind[f"SKU.{at}"] = {
            "priceDimensions": {
                f"SKU.{at}.X": {
                    "unit": offer["Unit"],
                    "beginRange": offer["StartingRange"],
                    "endRange": "Inf",
                    "pricePerUnit": {"USD": offer["PricePerUnit"]},
                }
            },
            "termAttributes": {
                "LeaseContractLength": offer.get("LeaseContractLength", ""),
                "OfferingClass": offer.get("OfferingClass", ""),
                "PurchaseOption": offer.get("PurchaseOption", ""),
            },
        }
    attributes = {
        "instanceType": first["Instance Type"],
        "operatingSystem": first["Operating System"],
        "tenancy": first["Tenancy"],
        "capacitystatus": first["CapacityStatus"],
        "preInstalledSw": first["Pre Installed S/W"],
        "usagetype": first["usageType"],
        "locationType": first["Location Type"],
        "regionCode": "us-east-1",
    }
    return json.dumps({"product": {"attributes": attributes}, "terms": terms})


def two_pages(handler: Handler) -> None:
    request = json.loads(handler.body)
    wanted = {each["Field"]: each["Value"] for each in request["Filters"]}
    assert handler.headers["x-amz-target"] == "AWSPriceListService.GetProducts"
    assert (wanted["instanceType"], wanted["regionCode"]) == ("g4dn.xlarge", "us-east-1")
    if request.get("NextToken") == "second":
        page = {"PriceList": [product(*reserved(), *reserved("convertible", factor=2))]}
    else:
        windows = machine(**{"Operating System": "Windows", "PricePerUnit": "0.71"})
        entries = [product(machine(PricePerUnit="0.5400000000")), product(windows)]
        page = {"PriceList": entries, "NextToken": "second"}
    json_answer(page)(handler)


def json_answer(document: object, status: int = 200) -> Reply:
    headers = {"content-type": "application/x-amz-json-1.1"}
    return answer(json.dumps(document), status=status, headers=headers)


def history(*entries: tuple[str, str, str, int], token: str = "") -> str:
    """Return zones' prices as EC2 writes them; each with what it is of and its age in hours."""
    now = datetime.now(UTC)
    items = "".join(
        f"<item><instanceType>g4dn.xlarge</instanceType><productDescription>{of}"
        f"</productDescription><spotPrice>{usd}</spotPrice><timestamp>"
        f"{now - timedelta(hours=hours):%Y-%m-%dT%H:%M:%S.000Z}</timestamp>"
        f"<availabilityZone>{zone}</availabilityZone></item>"
        for zone, usd, of, hours in entries
    )
    return (
        '<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>1</requestId><spotPriceHistorySet>{items}</spotPriceHistorySet>"
        f"<nextToken>{token}</nextToken></DescribeSpotPriceHistoryResponse>"
    )


def spot_pages(handler: Handler) -> None:
    form = parse_qs(handler.body.decode())
    started = datetime.fromisoformat(form["StartTime"][0])
    assert timedelta(hours=23) < datetime.now(UTC) - started < timedelta(hours=25)
    assert form["InstanceType.1"] == ["g4dn.xlarge"]
    linux = "Linux/UNIX"
    if form.get("NextToken") == ["second"]:
        text = history(
            ("us-east-1a", "0.1900", linux, 3),  # older than the first page's
            ("us-east-1c", "0.2200", linux, 1),
            ("us-east-1-lax-1a", "0.9000", linux, 1),
            ("us-east-1b", "0.5000", "Windows", 1),
        )
    else:
        text = history(
            ("us-east-1a", "0.2050", linux, 1), ("us-east-1b", "0.2100", linux, 2), token="second"
        )
    answer(text, headers={"content-type": "text/xml"})(handler)


def usd(term: str) -> Decimal:
    price = load_prices().price("aws", "us-east-1", SKU, term)
    assert price is not None
    return price.usd


def test_the_pricing_api_gives_the_same_selection_over_its_pages(
    prices: Prices, server: Loopback
) -> None:
    server.replies = [two_pages]
    result = prices("refresh", "--source", "aws-api", "--region", "us-east-1", "--json")
    assert result.exit_code == 0
    (reading,) = json.loads(result.stdout)["readings"]
    assert reading["read"] == "2 pages"
    assert len(reading["prices"]) == 7
    assert usd("on_demand") == Decimal("0.54")
    assert usd("reserved_3y_partial_upfront") == Decimal("0.210213")
    price = load_prices().price("aws", "us-east-1", SKU)
    assert price is not None
    assert price.source == "AWS pricing API, GetProducts"


def test_spot_prices_are_the_extremes_of_each_zones_latest(
    prices: Prices, server: Loopback
) -> None:
    server.replies = [spot_pages]
    result = prices("refresh", "--source", "aws-spot", "--region", "us-east-1")
    assert result.exit_code == 0
    assert "read 2 pages, 2 changed" in result.stderr
    assert (usd("spot_low"), usd("spot_high")) == (Decimal("0.205"), Decimal("0.22"))


def test_no_spot_price_at_all_is_a_failure(prices: Prices, server: Loopback) -> None:
    server.replies = [answer(history(), headers={"content-type": "text/xml"})]
    result = prices("refresh", "--source", "aws-spot", "--region", "us-east-1")
    assert result.exit_code == 5
    assert "has none of the catalogue's prices" in result.stderr


@pytest.mark.parametrize(
    ("bad", "code", "reason"),
    [
        (json_answer({"PriceList": ["{}"]}), 5, "an answer that makes no sense: KeyError"),
        (json_answer({"PriceList": ["{"]}), 5, "an answer that makes no sense: JSONDecodeError"),
        (json_answer({"PriceList": ["3"]}), 5, "an answer that makes no sense: TypeError"),
        (answer("<html>", status=502), 5, "(502)"),
        (json_answer({"__type": "InvalidParameterException"}, 400), 5, "InvalidParameter"),
        (json_answer({"__type": "UnrecognizedClientException"}, 400), 3, "UnrecognizedClient"),
        (json_answer({"__type": "AccessDeniedException", "message": "no"}, 400), 3, "AccessDenied"),
    ],
)
def test_a_bad_answer_is_told_in_a_line(
    prices: Prices, server: Loopback, bad: Reply, code: int, reason: str
) -> None:
    server.replies = [bad]
    result = prices("refresh", "--source", "aws-api", "--region", "us-east-1")
    assert result.exit_code == code
    assert reason in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Hint: ")
    assert len(result.stderr.splitlines()) == 5


def test_without_credentials_a_source_alone_ends_with_3_and_beside_another_with_6(
    prices: Prices, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.replies = [two_pages]
    two = ("refresh", "--source", "aws-api", "--source", "gcp")
    assert prices(*two, "--region", "us-east-1,us-central1").exit_code == 6
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    alone = prices("refresh", "--source", "aws-spot", "--region", "us-east-1")
    assert alone.exit_code == 3
    assert "Unable to locate credentials" in alone.stderr
    assert "--source aws-bulk" in alone.stderr
    assert prices(*two, "--region", "us-east-1,us-central1").exit_code == 3


def test_without_boto3_the_command_says_what_to_install(
    prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("boto3", "botocore"):
        monkeypatch.setitem(sys.modules, name, None)
    result = prices("refresh", "--source", "aws-api", "--region", "us-east-1")
    assert result.exit_code == 3
    assert "pip install 'qinfra[deploy]'" in result.stderr
