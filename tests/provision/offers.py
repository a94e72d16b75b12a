"""Offer files of AWS in their true layout, with all that stands beside the wanted offers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

METADATA = (
    ("FormatVersion", "v1.0"),
    ("Disclaimer", "This pricing list is for informational purposes only."),
    ("Publication Date", "2026-11-20T19:01:57Z"),
    ("Version", "20261120190157"),
    ("OfferCode", "AmazonEC2"),
)
HEADER = (
    "SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate",
    "StartingRange", "EndingRange", "Unit", "PricePerUnit", "Currency", "RelatedTo",
    "LeaseContractLength", "PurchaseOption", "OfferingClass", "Product Family", "serviceCode",
    "Location", "Location Type", "Instance Type", "Current Generation", "vCPU", "Memory",
    "Storage", "Tenancy", "Operating System", "License Model", "CapacityStatus",
    "Pre Installed S/W", "usageType", "operation", "Volume API Name", "Region Code",
)  # fmt: skip
MACHINE = {
    "TermType": "OnDemand",
    "PriceDescription": 'per On Demand Linux g4dn.xlarge, "shared"',
    "StartingRange": "0",
    "EndingRange": "Inf",
    "Unit": "Hrs",
    "Currency": "USD",
    "Product Family": "Compute Instance",
    "Location Type": "AWS Region",
    "Instance Type": "g4dn.xlarge",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "CapacityStatus": "Used",
    "Pre Installed S/W": "NA",
    "usageType": "BoxUsage:g4dn.xlarge",
    "operation": "RunInstances",
    "PricePerUnit": "0.5260000000",
}
# Upfront fee and hourly rate as they were in us-east-1 on 2025-11-30.
RESERVED = {
    ("1yr", "No Upfront"): (None, "0.3310000000"),
    ("1yr", "Partial Upfront"): ("1382", "0.1580000000"),
    ("1yr", "All Upfront"): ("2709", "0.0000000000"),
    ("3yr", "No Upfront"): (None, "0.2270000000"),
    ("3yr", "Partial Upfront"): ("2765", "0.1050000000"),
    ("3yr", "All Upfront"): ("5198", "0.0000000000"),
}
NOT_OURS = (
    {"Instance Type": "g4dn.2xlarge", "usageType": "BoxUsage:g4dn.2xlarge"},
    {"Instance Type": "m5.large", "PriceDescription": "not for g4dn.xlarge"},
    {"Operating System": "Windows", "operation": "RunInstances:0002"},
    {"Tenancy": "Dedicated", "usageType": "DedicatedUsage:g4dn.xlarge"},
    {"CapacityStatus": "UnusedCapacityReservation", "usageType": "UnusedBox:g4dn.xlarge"},
    {"CapacityStatus": "AllocatedCapacityReservation", "PricePerUnit": "0.0000000000"},
    {"Pre Installed S/W": "SQL Std", "operation": "RunInstances:0004"},
    {"Location Type": "AWS Local Zone", "usageType": "LAX1-BoxUsage:g4dn.xlarge"},
    {"Currency": "CNY"},
)


def machine(**changes: str) -> dict[str, str]:
    return {**MACHINE, **changes}


def reserved(offering_class: str = "standard", factor: int = 1) -> Iterator[dict[str, str]]:
    for (lease, option), (fee, hourly) in RESERVED.items():
        term = {
            "TermType": "Reserved",
            "LeaseContractLength": lease,
            "PurchaseOption": option,
            "OfferingClass": offering_class,
        }
        if fee is not None:
            amount = str(int(fee) * factor)
            yield machine(**term, Unit="Quantity", PricePerUnit=amount)
        yield machine(**term, PricePerUnit=hourly)


def storage_and_nat() -> Iterator[dict[str, str]]:
    plain = {"TermType": "OnDemand", "Location Type": "AWS Region", "Currency": "USD"}
    for usage, unit, usd in (
        ("USE1-EBS:VolumeUsage.gp3", "GB-Mo", "0.0800000000"),
        ("EBS:VolumeUsage.gp2", "GB-Mo", "0.1000000000"),
        ("EBS:VolumeP-IOPS.gp3", "IOPS-Mo", "0.0050000000"),
        ("NatGateway-Hours", "Hrs", "0.0450000000"),
        ("NatGateway-Bytes", "GB", "0.0450000000"),
        ("RegionalNatGateway-Hours", "Hrs", "0.0900000000"),
    ):
        yield {**plain, "StartingRange": "0", "usageType": usage, "Unit": unit, "PricePerUnit": usd}
    yield {
        **plain,
        "StartingRange": "1000",
        "usageType": "NatGateway-Bytes",
        "Unit": "GB",
        "PricePerUnit": "0.0100000000",
    }


def rows(**first: str) -> list[dict[str, str]]:
    """Return a region's rows; keywords change the on-demand machine."""
    return [
        *(machine(**({"PricePerUnit": "9.0000000000"} | other)) for other in NOT_OURS),
        machine(**first),
        *reserved("convertible", factor=2),
        *reserved(),
        *storage_and_nat(),
    ]


def offer_file(offers: list[dict[str, str]] | None = None, **first: str) -> str:
    """Return the file of some rows; a region's usual ones when None."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(METADATA)
    writer.writerow(HEADER)
    for at, offer in enumerate(rows(**first) if offers is None else offers):
        writer.writerow(_cells(offer, f"SKU{at:09d}"))
    return out.getvalue()


def _cells(offer: Mapping[str, str], sku: str) -> list[str]:
    return [offer.get(name, sku if name == "SKU" else "") for name in HEADER]
