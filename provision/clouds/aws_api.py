"""AWS's pricing API and the history of its spot prices, both with the account's credentials."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.errors import PreflightError, RemoteError
from infra.pricing.refresh import Quote
from provision.clouds.aws_client import Clients
from provision.clouds.aws_offers import INSTANCES, Offer, Offers
from provision.clouds.aws_words import DENIED, INVALID, credentials_missing, whole_pages
from provision.clouds.reading import Reading, installed, usd_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from infra.machines import Cloud
    from infra.pricing.catalogue import Price

API, SPOT = "aws-api", "aws-spot"
SKUS = tuple(f"ec2:{name}" for name in INSTANCES)

_PRICING_REGION = "us-east-1"  # of its few homes the one that every account reaches
_READ_SECONDS = 20.0
_REFUSALS = (*DENIED, *INVALID)
_SPOT_WINDOW = timedelta(hours=24)
_SPOT_SYSTEM = "Linux/UNIX"


@dataclass(slots=True)
class ApiErrand:
    """On-demand and reserved prices of a region's instances."""

    regions: tuple[str, ...]
    url: str
    etag: str = ""
    source: str = API
    cloud: Cloud = "aws"
    skus: tuple[str, ...] = SKUS

    @classmethod
    def of(cls, region: str) -> ApiErrand:
        """Build the errand for a region."""
        return cls((region,), "AWS pricing API, GetProducts")

    def covers(self, price: Price) -> bool:
        """Return whether the API is asked for the price."""
        return price.sku in self.skus and not price.term.startswith("spot")

    def read(self) -> Reading:
        """Return the region's prices.

        Raises:
            RemoteError: They could not be read, or make no sense.
            PreflightError: A package or credentials are missing or refused.
        """
        region, pages = self.regions[0], 0
        offers = Offers(region, self.url)
        with _told(API, region):
            client = Clients(_READ_SECONDS).of("pricing", _PRICING_REGION)
            for instance in INSTANCES:
                for page in whole_pages(client, "get_products", **_products(instance, region)):
                    pages += 1
                    for text in page["PriceList"]:
                        for offer in _offers(json.loads(text)):
                            offers.add(offer)
        return Reading(quotes=offers.quotes(), size=_page_count(pages))


@dataclass(slots=True)
class SpotErrand:
    """The lowest and the highest spot price among a region's zones."""

    regions: tuple[str, ...]
    url: str
    etag: str = ""
    source: str = SPOT
    cloud: Cloud = "aws"
    skus: tuple[str, ...] = SKUS

    @classmethod
    def of(cls, region: str) -> SpotErrand:
        """Build the errand for a region."""
        return cls((region,), f"EC2 DescribeSpotPriceHistory in {region}")

    def covers(self, price: Price) -> bool:
        """Return whether the history has the price."""
        return price.sku in self.skus and price.term in ("spot_low", "spot_high")

    def read(self) -> Reading:
        """Return the region's prices, each zone's latest of the last 24 hours.

        Raises:
            RemoteError: They could not be read, or make no sense.
            PreflightError: A package or credentials are missing or refused.
        """
        region, pages = self.regions[0], 0
        latest: dict[tuple[str, str], dict[str, Any]] = {}
        with _told(SPOT, region):
            client = Clients(_READ_SECONDS).of("ec2", region)
            for page in whole_pages(client, "describe_spot_price_history", **_history()):
                pages += 1
                for entry in page["SpotPriceHistory"]:
                    place = entry["InstanceType"], entry["AvailabilityZone"]
                    if place not in latest or entry["Timestamp"] > latest[place]["Timestamp"]:
                        latest[place] = entry
        quotes = [
            quote for instance in INSTANCES for quote in self._extremes(instance, latest.values())
        ]
        return Reading(quotes=tuple(quotes), size=_page_count(pages))

    def _extremes(self, instance: str, entries: Iterable[dict[str, Any]]) -> list[Quote]:
        prices = [
            usd_of(entry["SpotPrice"])
            for entry in entries
            if entry["InstanceType"] == instance
            and entry["ProductDescription"] == _SPOT_SYSTEM
            and entry["AvailabilityZone"][:-1] == self.regions[0]  # a local zone's is longer
        ]
        if not prices:
            return []
        broken = [usd for usd in prices if usd.is_nan()]
        low, high = (broken[0], broken[0]) if broken else (min(prices), max(prices))
        return [
            self._quote(instance, "spot_low", low, "lowest AZ"),
            self._quote(instance, "spot_high", high, "highest AZ"),
        ]

    def _quote(self, instance: str, term: str, usd: Decimal, note: str) -> Quote:
        return Quote(
            provider="aws",
            region=self.regions[0],
            sku=f"ec2:{instance}",
            term=term,
            unit="hour",
            usd=usd,
            source=self.url,
            note=note,
        )


def _products(instance: str, region: str) -> dict[str, Any]:
    wanted = {
        "instanceType": instance,
        "regionCode": region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "preInstalledSw": "NA",
    }
    filters = [
        {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()
    ]
    return {"ServiceCode": "AmazonEC2", "Filters": filters}


def _history() -> dict[str, Any]:
    return {
        "InstanceTypes": list(INSTANCES),
        "ProductDescriptions": [_SPOT_SYSTEM],
        "StartTime": datetime.now(UTC) - _SPOT_WINDOW,
    }


def _offers(product: dict[str, Any]) -> Iterator[Offer]:
    """Yield every price of a product; each term has one, or a fee and an hourly one."""
    attributes = product["product"]["attributes"]
    for term_type, terms in product["terms"].items():
        for term in terms.values():
            for price in term["priceDimensions"].values():
                yield _offer(attributes, term_type, term.get("termAttributes", {}), price)


def _offer(
    attributes: dict[str, str], term_type: str, term: dict[str, str], price: dict[str, Any]
) -> Offer:
    (currency, usd), *_ = price["pricePerUnit"].items()
    return Offer(
        term_type=term_type,
        lease=term.get("LeaseContractLength", ""),
        option=term.get("PurchaseOption", ""),
        offering_class=term.get("OfferingClass", ""),
        unit=price["unit"],
        starts_at=price.get("beginRange", ""),
        usd=usd,
        currency=currency,
        location_type=attributes["locationType"],
        instance=attributes["instanceType"],
        tenancy=attributes["tenancy"],
        system=attributes["operatingSystem"],
        status=attributes["capacitystatus"],
        software=attributes["preInstalledSw"],
        usage=attributes["usagetype"],
    )


@contextmanager
def _told(source: str, region: str) -> Iterator[None]:
    """Say what went wrong in words."""
    with installed(source):
        from botocore import exceptions
        from botocore.parsers import ResponseParserError
    where = f"{source} {region}"
    try:
        with installed(source):
            yield
    except credentials_missing() as error:
        raise _unauthorised(where, error) from error
    except exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") in _REFUSALS:
            raise _unauthorised(where, error) from error
        raise RemoteError(f"{where}: {_line(error)}") from error
    except (exceptions.BotoCoreError, ResponseParserError) as error:
        raise RemoteError(f"{where}: {_line(error)}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RemoteError(f"{where}: an answer that makes no sense: {error!r}") from error


def _unauthorised(where: str, error: Exception) -> PreflightError:
    return PreflightError(
        f"{where}: {_line(error)}",
        hint="Give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, "
        "or use --source aws-bulk, which needs none.",
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _page_count(pages: int) -> str:
    return "1 page" if pages == 1 else f"{pages} pages"
