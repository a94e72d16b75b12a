"""How much of EC2 the account may have."""

from __future__ import annotations

from typing import Any

from moto.servicequotas.models import ServiceQuotasBackend

from tests.simulated_aws.extending import action_of

VCPUS = {
    "L-DB2E81BA": ("Running On-Demand G and VT instances", 1024.0),
    "L-3819A6DF": ("All G and VT Spot Instance Requests", 1024.0),
    "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 1024.0),
}
_get_service_quota = ServiceQuotasBackend.get_service_quota


@action_of(ServiceQuotasBackend)
def get_service_quota(self: Any, service_code: str, quota_code: str) -> dict[str, Any]:
    if service_code != "ec2" or quota_code not in VCPUS:
        return _get_service_quota(self, service_code, quota_code)
    name, value = VCPUS[quota_code]
    where = f"{self.region_name}:{self.account_id}"
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{where}:ec2/{quota_code}",
        "QuotaCode": quota_code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
