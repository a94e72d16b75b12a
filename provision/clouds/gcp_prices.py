"""Google's price list through the Cloud Billing Catalog, with a key of one's own."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from infra.errors import ConfigError, PreflightError, RemoteError
from infra.machines import MACHINES
from infra.pricing.catalogue import ON_DEMAND
from infra.pricing.refresh import Quote
from provision.clouds.reading import Reading, installed, unanimous, usd_of
from provision.fetch import Limits, Request, checked_base, fetch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from infra.machines import Cloud, Machine
    from infra.pricing.catalogue import Price

NAME = "gcp"
BASE = "https://cloudbilling.googleapis.com"
BASE_NAME = "QINFRA_GCP_BILLING_URL"
KEY_NAME = "GOOGLE_API_KEY"
COMPUTE_ENGINE = "/v1/services/6F81-5844-456A/skus"
N1 = tuple(m for m in MACHINES.values() if m.cloud == "gcp" and m.name.startswith("n1-"))
DISK = "disk:pd-ssd"
SKUS = (*(f"compute:{machine.name}" for machine in N1), DISK)

_LIMITS = Limits(timeout_seconds=20, deadline_seconds=60, most_bytes=64 * 2**20, attempts=3)
_DEADLINE_SECONDS = 300.0
_MOST_PAGES = 100
_HERE = ("127.0.0.1", "::1", "localhost")
_PAGE_SIZE = 5_000
_TERMS = {"OnDemand": ON_DEMAND, "Preemptible": "spot"}
# Descriptions of preemptible offers have begun in several ways.
_PART = re.compile(r"(?:Spot )?(?:Preemptible )?N1 Predefined Instance (Core|Ram)\b")
_DISK = re.compile(r"SSD backed PD Capacity\b")
_UNITS = {"GiBy.mo": "GB-month", "h": "hour", "GiBy.h": "GB-hour"}


@dataclass(slots=True)
class GcpErrand:
    """Machines and disks of every region at once: the list is not kept by region."""

    regions: tuple[str, ...]
    url: str
    etag: str = ""
    source: str = NAME
    cloud: Cloud = "gcp"
    skus: tuple[str, ...] = SKUS

    @classmethod
    def of(cls, regions: tuple[str, ...]) -> GcpErrand:
        """Build the errand for some regions.

        Raises:
            ConfigError: The base that the environment gives cannot be asked.
        """
        base = checked_base(
            os.environ.get(BASE_NAME) or BASE,
            BASE_NAME,
            what="the base of Google's billing API",
            hint=f"Unset it to use {BASE}.",
        )
        if not base.startswith("https://") and urlsplit(base).hostname not in _HERE:
            raise ConfigError(
                f"{BASE_NAME} is '{base}': the key would travel unencrypted",
                hint="Use https://, or http:// on this machine only.",
            )
        return cls(regions, base + COMPUTE_ENGINE)

    def covers(self, price: Price) -> bool:
        """Return whether the list has the price."""
        return price.sku in self.skus

    def read(self) -> Reading:
        """Return the regions' prices.

        Raises:
            RemoteError: The list could not be read to its end, or makes no sense.
            PreflightError: A package or the key is missing.
        """
        key, pages = _key(), 0
        parts: list[Quote] = []
        with installed(NAME):
            for page in self._pages(key):
                pages += 1
                parts += self._parts(page)
        quotes = _machines(unanimous(parts))
        size = "1 page" if pages == 1 else f"{pages} pages"
        return Reading(quotes=tuple(quotes), size=size)

    def _pages(self, key: str) -> Iterator[list[dict[str, Any]]]:
        token, ends_at = "", time.monotonic() + _DEADLINE_SECONDS
        for _ in range(_MOST_PAGES):
            query = urlencode({"pageSize": _PAGE_SIZE, **({"pageToken": token} if token else {})})
            request = Request(
                url=f"{self.url}?{query}", limits=_LIMITS, headers={"x-goog-api-key": key}
            )
            document = _document(fetch(request), self.url)
            yield document["skus"]
            token = document.get("nextPageToken", "")
            if not token:
                return
            if time.monotonic() > ends_at:
                raise RemoteError(f"{self.url}: took longer than {_DEADLINE_SECONDS:g} s")
        raise RemoteError(f"{self.url}: more than {_MOST_PAGES} pages")

    def _parts(self, skus: Iterable[dict[str, Any]]) -> Iterator[Quote]:
        """Yield what machines are made of, and disks, by region."""
        try:
            for sku in skus:
                name = _name(sku["description"])
                term = _TERMS.get(sku["category"]["usageType"])
                if name is None or term is None or (name == DISK and term != ON_DEMAND):
                    continue
                unit, usd = _first_rate(sku)
                for region in sku["serviceRegions"]:
                    if region in self.regions:
                        yield self._quote(region, name, term, unit, usd)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise RemoteError(f"{self.url}: an answer that makes no sense: {error!r}") from error

    def _quote(self, region: str, name: str, term: str, unit: str, usd: Decimal) -> Quote:
        return Quote(
            provider="gcp",
            region=region,
            sku=name,
            term=term,
            unit=_UNITS.get(unit, unit),
            usd=usd,
            source=self.url,
        )


def _key() -> str:
    """Return the key, which is shown nowhere.

    Raises:
        PreflightError: There is none, or none that a header can carry.
    """
    key = os.environ.get(KEY_NAME, "").strip()
    if key and key.isascii() and key.isprintable() and " " not in key:
        return key
    what = "holds characters that no key has" if key else "is not set"
    raise PreflightError(
        f"{NAME}: {KEY_NAME} {what}",
        hint=f"Export {KEY_NAME} with a key for the Cloud Billing API, or use another --source.",
    )


def _document(body: bytes, url: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
        if isinstance(document, dict) and isinstance(document.get("skus"), list):
            return document
    except ValueError as error:
        raise RemoteError(f"{url}: not JSON, or cut short") from error
    raise RemoteError(f"{url}: an answer without a list of prices")


def _name(description: str) -> str | None:
    """Return `Core` or `Ram` of N1, the disk's sku, or None for anything else."""
    part = _PART.match(description)
    if part:
        return part.group(1)
    return DISK if _DISK.match(description) else None


def _first_rate(sku: dict[str, Any]) -> tuple[str, Decimal]:
    """Return unit and price of the first tier; NaN when it is none in USD."""
    expression = sku["pricingInfo"][-1]["pricingExpression"]
    price = expression["tieredRates"][0]["unitPrice"]
    units, nanos = usd_of(price.get("units", "0")), usd_of(price.get("nanos", 0))
    if price.get("currencyCode", "USD") != "USD":
        return expression["usageUnit"], Decimal("NaN")
    return expression["usageUnit"], units + nanos.scaleb(-9)


def _machines(quotes: tuple[Quote, ...]) -> Iterator[Quote]:
    """Yield disks as they are, and machines of the sum of their cores and memory."""
    by_key = {quote.key: quote for quote in quotes}
    for quote in quotes:
        if quote.sku == DISK:
            yield quote
        elif quote.sku == "Core":
            ram = by_key.get((quote.provider, quote.region, "Ram", quote.term))
            yield from (_machine(quote, ram, machine) for machine in N1)


def _machine(core: Quote, ram: Quote | None, machine: Machine) -> Quote:
    ram_usd = ram.usd if ram else Decimal("NaN")
    flaw = core.flaw or ("memory has no price" if ram is None else ram.flaw)
    if not flaw and (core.unit, ram and ram.unit) != ("hour", "GB-hour"):
        flaw = "cores or memory are not priced by the hour"
    if not flaw and not all(part.is_finite() and part > 0 for part in (core.usd, ram_usd)):
        flaw = f"a core at {core.usd} and a GB of memory at {ram_usd} are no prices"
    memory = Decimal(str(machine.memory_gib))
    return replace(
        core,
        sku=f"compute:{machine.name}",
        usd=machine.vcpus * core.usd + memory * ram_usd,
        flaw=flaw,
    )
