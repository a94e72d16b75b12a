"""Service quotas of EC2, large enough for every phase; a test lowers them by name."""

from __future__ import annotations

import json
from typing import Any

from moto.servicequotas.responses import ServiceQuotasResponse

LIMITS = {
    "L-DB2E81BA": ("Running On-Demand G and VT instances", 1024.0),
    "L-3819A6DF": ("All G and VT Spot Instance Requests", 1024.0),
    "L-1216C47A": ("Running On-Demand Standard instances", 1024.0),
}


def fill() -> None:
    """Answer what moto does not."""
    get = ServiceQuotasResponse.get_service_quota

    def get_service_quota(self: Any) -> Any:
        asked = json.loads(self.body)
        if asked["ServiceCode"] == "ec2" and asked["QuotaCode"] in LIMITS:
            return json.dumps({"Quota": _quota(asked["QuotaCode"], self.region)})
        return get(self)

    ServiceQuotasResponse.get_service_quota = get_service_quota


def _quota(code: str, region: str) -> dict[str, Any]:
    name, limit = LIMITS[code]
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{region}:123456789012:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": limit,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
