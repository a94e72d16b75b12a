"""What a deployment has in use already of each quota of Compute Engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.preflight import GCP_ADDRESSES, GCP_SSD, Quota
from provision.clouds.gcp_lists import aggregated, is_labelled, ours
from provision.clouds.gcp_words import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.clouds.gcp_session import GcpSession

_IDLE = ("SUSPENDED", "TERMINATED")  # their vCPUs are given back
_SSD = "pd-ssd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The part of a deployment in what a project has in use.

    Attributes:
        deployment: Its name, as of labels.
        is_spot: Which machines are counted: those bought on the spot, or the others.
    """

    session: GcpSession
    deployment: str
    is_spot: bool = False

    def of(self, quota: Quota, region: str) -> int:
        """Return how much of a quota it uses in a region."""
        if quota is GCP_ADDRESSES:
            return self._addresses(region)
        if quota is GCP_SSD:
            return self._ssd_gb(region)
        return self._vcpus(region)

    def _vcpus(self, region: str) -> int:
        total, sizes = 0, {}
        for scope, machine in self._labelled("Instances", region):
            is_spot = machine.scheduling.provisioning_model == "SPOT"
            if machine.status in _IDLE or is_spot != self.is_spot:
                continue
            zone, kind = scope.removeprefix("zones/"), machine.machine_type.rpartition("/")[2]
            if (zone, kind) not in sizes:
                sizes[zone, kind] = self._size(zone, kind)
            total += sizes[zone, kind]
        return total

    def _size(self, zone: str, kind: str) -> int:
        project = self.session.project
        with told("compute.machineTypes.get", project=project):
            client = self.session.client("MachineTypes")
            asked = {"project": project, "zone": zone, "machine_type": kind}
            return int(client.get(asked, **self.session.reading()).guest_cpus)

    def _ssd_gb(self, region: str) -> int:
        return sum(
            int(disk.size_gb)
            for _, disk in self._labelled("Disks", region)
            if disk.type_.endswith(f"/{_SSD}")
        )

    def _addresses(self, region: str) -> int:
        """Return the public addresses of its machines, and of its ways out.

        The cloud gives the latter to a router by itself, without labels: they go by its name.
        """
        router = f"/routers/{self.deployment}-"
        return sum(
            1
            for _, address in aggregated(self.session, "Addresses", region)
            if address.status == "IN_USE"
            and address.address_type == "EXTERNAL"
            and (
                is_labelled(address, ours(self.deployment))
                or any(router in user for user in address.users)
            )
        )

    def _labelled(self, kind: str, region: str) -> Iterator[tuple[str, Any]]:
        wanted = ours(self.deployment)
        for scope, each in aggregated(self.session, kind, region, labels=wanted):
            if is_labelled(each, wanted):
                yield scope, each
