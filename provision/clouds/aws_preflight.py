"""What an AWS account has for a deployment: read with its credentials, changing nothing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from infra.errors import PreflightError
from infra.machines import AWS_IMAGE_PARAMETER
from infra.preflight import (
    Answer,
    Finding,
    clock_finding,
    ec2_quota,
    machines_in,
    quota_finding,
    vcpus_needed,
    zones_finding,
)
from infra.purchase import Purchase
from provision.clouds.aws_client import Clients
from provision.clouds.aws_words import DEPLOYMENT_TAG, pages, tags_of, told
from provision.doctor import Check

if TYPE_CHECKING:
    from infra.declaration import PhaseConfig

_HOME = "us-east-1"  # one that no account can leave disabled, as it may be with the asked ones
# What the quotas of G and VT instances count. Matched here: a filter that a service does not
# understand would find nothing in use, and let pass what does not fit.
_FAMILIES = re.compile(r"(g[a-z]*|vt)\d")
_COUNTED = ("pending", "running")
_TYPES_AT_ONCE = 100  # DescribeInstanceTypes takes no more names
_OPTED_OUT = "not-opted-in"


@dataclass(frozen=True, slots=True)
class AwsAccount:
    """The account behind the credentials in force.

    Attributes:
        deployment: Whose machines are to be replaced or kept: what they use, it may use.
        ami_id: The image that is pinned; the newest of AWS's deep learning images when empty.
    """

    config: PhaseConfig
    clients: Clients = field(default_factory=Clients)
    deployment: str = ""
    ami_id: str = ""

    def checks(self) -> list[Check]:
        """Return every check of the account, and of each region of the phase."""
        found = [
            Check(name="identity", region="", find=self.identity),
            Check(name="clock", region="", find=self.clock),
        ]
        code = ec2_quota(self.config.purchase).code
        for region in self.config.regions:
            for name, find in (
                ("region", self.region),
                (f"quota {code}", self.quota),
                ("zones", self.zones),
                ("image", self.image),
            ):
                found.append(Check(name=name, region=region, find=partial(find, region)))
        return found

    def identity(self) -> Finding:
        """Return who the credentials say this is."""
        with told("sts:GetCallerIdentity"):
            who = self.clients.of("sts", _HOME).get_caller_identity()["Arn"]
        return _ok("identity", "", str(who))

    def clock(self) -> Finding:
        """Return how far the clocks are apart, asked without a signature: a wrong one breaks it."""
        from email.utils import parsedate_to_datetime

        from botocore import UNSIGNED
        from botocore.exceptions import ClientError

        with told("sts:GetCallerIdentity"):
            try:
                answer = self.clients.of("sts", _HOME, signature_version=UNSIGNED)
                told_by = answer.get_caller_identity()
            except ClientError as error:  # without a name it says no, and what time it is
                told_by = error.response
            ours = datetime.now(UTC)
            theirs = parsedate_to_datetime(told_by["ResponseMetadata"]["HTTPHeaders"]["date"])
            return clock_finding(theirs.astimezone(UTC), ours)

    def region(self, region: str) -> Finding:
        """Return whether the account may use a region."""
        with told("ec2:DescribeRegions"):
            client = self.clients.of("ec2", _HOME)
            (found,) = client.describe_regions(RegionNames=[region], AllRegions=True)["Regions"]
            status = found["OptInStatus"]
        if status == _OPTED_OUT:
            raise PreflightError(
                "the account has not enabled it",
                hint=f"Run `aws account enable-region --region-name {region}`; it takes minutes.",
            )
        return _ok("region", region, f"enabled ({status})")

    def quota(self, region: str) -> Finding:
        """Return whether the vCPUs left of the region's quota hold the fleet at its largest."""
        quota = ec2_quota(self.config.purchase)
        with told("servicequotas:GetServiceQuota"):
            client = self.clients.of("service-quotas", region)
            answer = client.get_service_quota(ServiceCode="ec2", QuotaCode=quota.code)
            limit = _whole(answer["Quota"]["Value"])
        in_use = self._vcpus_in_use(region)
        need = vcpus_needed(self.config)[region]
        return quota_finding(quota, region, need, limit=limit, in_use=in_use)

    def zones(self, region: str) -> Finding:
        """Return whether enough zones offer each machine of the region."""
        machines = sorted(machines_in(self.config, region))
        need = self.config.zones_per_region
        with told("ec2:DescribeInstanceTypeOfferings"):
            offers = list(
                pages(
                    self.clients.of("ec2", region),
                    "describe_instance_type_offerings",
                    "InstanceTypeOfferings",
                    LocationType="availability-zone-id",
                    Filters=[{"Name": "instance-type", "Values": machines}],
                )
            )
            zones = {
                machine: [each["Location"] for each in offers if each["InstanceType"] == machine]
                for machine in machines
            }
        found = [zones_finding(region, machine, zones[machine], need) for machine in machines]
        return min(found, key=lambda each: each.have or 0)

    def image(self, region: str) -> Finding:
        """Return whether the image that the nodes start from is there."""
        image = self.ami_id or self._newest_image(region)
        with told("ec2:DescribeImages", absent=("InvalidAMIID.NotFound",)):
            images = self.clients.of("ec2", region).describe_images(ImageIds=[image])["Images"]
        if not images or images[0].get("State", "available") != "available":
            raise PreflightError(
                f"the image {image} cannot be used here",
                hint="Choose another region with --region, or image with --var ami_id=….",
            )
        return _ok("image", region, f"{image} {images[0].get('Name', '')}".rstrip())

    def _newest_image(self, region: str) -> str:
        with told("ssm:GetParameter", absent=("ParameterNotFound",)):
            client = self.clients.of("ssm", region)
            return str(client.get_parameter(Name=AWS_IMAGE_PARAMETER)["Parameter"]["Value"])

    def _vcpus_in_use(self, region: str) -> int:
        client = self.clients.of("ec2", region)
        is_spot = self.config.purchase is Purchase.SPOT
        with told("ec2:DescribeInstances"):
            filters = [{"Name": "instance-state-name", "Values": list(_COUNTED)}]
            reservations = pages(client, "describe_instances", "Reservations", Filters=filters)
            types = [
                str(instance["InstanceType"])
                for reservation in reservations
                for instance in reservation["Instances"]
                if _FAMILIES.match(instance["InstanceType"])
                and (instance.get("InstanceLifecycle") == "spot") == is_spot
                and not self._is_own(instance)
            ]
        with told("ec2:DescribeInstanceTypes"):
            sizes = _vcpus(client, sorted(set(types)))
            return sum(sizes[name] for name in types)

    def _is_own(self, instance: dict[str, Any]) -> bool:
        owner = tags_of(instance).get(DEPLOYMENT_TAG, "")
        return bool(self.deployment) and owner == self.deployment


def _vcpus(client: Any, names: list[str]) -> dict[str, int]:  # noqa: ANN401 - as boto3's
    return {
        found["InstanceType"]: int(found["VCpuInfo"]["DefaultVCpus"])
        for start in range(0, len(names), _TYPES_AT_ONCE)
        for found in pages(
            client,
            "describe_instance_types",
            "InstanceTypes",
            InstanceTypes=names[start : start + _TYPES_AT_ONCE],
        )
    }


def _whole(value: float) -> int:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"a limit of {value}")
    return math.floor(value)


def _ok(check: str, region: str, detail: str) -> Finding:
    return Finding(check=check, region=region, answer=Answer.OK, detail=detail)
