"""AWS's public offer files: a CSV of hundreds of megabytes for each region, without a key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provision.clouds.aws_offers import INSTANCES, USAGES, Offers
from provision.clouds.offer_file import OfferFile
from provision.clouds.reading import Reading, installed
from provision.fetch import NOT_MODIFIED, Limits, Request, checked_base, streamed

if TYPE_CHECKING:
    from infra.machines import Cloud
    from infra.pricing.catalogue import Price

NAME = "aws-bulk"
BASE = "https://pricing.us-east-1.amazonaws.com"
BASE_NAME = "QINFRA_AWS_PRICE_URL"
SKUS = (*(f"ec2:{name}" for name in INSTANCES), *USAGES.values())

_LIMITS = Limits(timeout_seconds=30, deadline_seconds=900, most_bytes=4 * 2**30, attempts=3)


def offer_url(region: str) -> str:
    """Return where a region's offers are.

    Raises:
        ConfigError: The base that the environment gives cannot be asked.
    """
    base = checked_base(
        os.environ.get(BASE_NAME) or BASE,
        BASE_NAME,
        what="the base of AWS's price list",
        hint=f"Unset it to use {BASE}.",
    )
    return f"{base}/offers/v1.0/aws/AmazonEC2/current/{region}/index.csv"


@dataclass(slots=True)
class BulkErrand:
    """The offer file of one region."""

    regions: tuple[str, ...]
    url: str
    etag: str = ""
    source: str = NAME
    cloud: Cloud = "aws"
    skus: tuple[str, ...] = SKUS

    @classmethod
    def of(cls, region: str) -> BulkErrand:
        """Build the errand for a region."""
        return cls((region,), offer_url(region))

    def covers(self, price: Price) -> bool:
        """Return whether offer files have the price."""
        return price.sku in self.skus and not price.term.startswith("spot")

    def read(self) -> Reading:
        """Return the region's prices, or that nothing is newer.

        Raises:
            RemoteError: The file could not be read to its end, or is none.
            PreflightError: A package is missing.
        """
        headers = {"if-none-match": self.etag} if self.etag else None
        request = Request(url=self.url, limits=_LIMITS, headers=headers)
        with installed(NAME), streamed(request) as answer:
            if answer.status == NOT_MODIFIED and self.etag:
                return Reading(size="nothing newer", unchanged=True)
            file, offers = OfferFile(self.url), Offers(self.regions[0], self.url)
            for offer in file.offers(answer.chunks()):
                offers.add(offer)
            etag = answer.headers.get("etag", "")
        return Reading(quotes=offers.quotes(), size=f"{file.bytes_read / 1e6:,.1f} MB", etag=etag)
