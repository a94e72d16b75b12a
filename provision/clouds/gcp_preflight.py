"""What a project of Google Cloud has for a deployment: read with its credentials, changing nothing.

What a fleet of the same deployment has in use already is not counted against it: the need is of
the whole fleet.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from infra.errors import PreflightError, RemoteError
from infra.preflight import (
    GCP_ADDRESSES,
    GCP_ALL_CPUS,
    GCP_CPUS,
    GCP_SPOT_CPUS,
    GCP_SSD,
    Answer,
    Finding,
    Quota,
    addresses_needed,
    clock_finding,
    machines_in,
    quota_finding,
    ssd_gb_needed,
    vcpus_needed,
    zone_finding,
)
from infra.purchase import Purchase
from provision.clouds.gcp_session import READ_SECONDS, GcpSession
from provision.clouds.gcp_usage import Usage
from provision.clouds.gcp_words import told
from provision.doctor import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.declaration import PhaseConfig

IMAGE = "projects/debian-cloud/global/images/family/debian-12"  # the stacks' default
_ZONE_NAME, _IMAGE_NAME = "TF_VAR_zone", "TF_VAR_image"  # as Terraform reads them
_FAMILY = re.compile(r"(?:.*/)?projects/([^/]+)/global/images/family/([^/]+)")
_IMAGE = re.compile(r"(?:.*/)?projects/([^/]+)/global/images/([^/]+)")
_GONE = ("DELETED", "OBSOLETE")  # what Google still lists, and starts no more
_ELSEWHERE = "Choose another region with --region."


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpAccount:
    """The project that the environment names, seen with the credentials in force.

    Attributes:
        usage: What the deployment has there already.
        zone_name: Of the nodes; the zone that the stack has of itself when empty.
        image_name: Of new nodes, as the stack's variable.
    """

    config: PhaseConfig
    session: GcpSession
    usage: Usage
    zone_name: str = ""
    image_name: str = IMAGE

    def checks(self) -> list[Check]:
        """Return every check of the project, and of each region of the phase."""
        found = [
            Check(name="identity", region="", find=self.identity),
            Check(name="project", region="", find=self.project),
            Check(name="clock", region="", find=self.clock),
            Check(name="image", region="", find=self.image),
        ]
        if self.config.purchase is not Purchase.SPOT:  # nothing found says that it counts these
            name = f"quota {GCP_ALL_CPUS.code}"
            found.append(Check(name=name, region="", find=self.all_cpus))
        for region in self.config.regions:
            finders: dict[str, Callable[[str], Finding]] = {
                "region": self.region,
                f"quota {GCP_CPUS.code}": self.cpus,
                f"quota {GCP_ADDRESSES.code}": self.addresses,
                f"quota {GCP_SSD.code}": self.ssd,
                "zone": self.zone,
            }
            for name, find in finders.items():
                found.append(Check(name=name, region=region, find=partial(find, region)))
        return found

    def identity(self) -> Finding:
        """Return who the credentials say this is; a token is asked for, so they are valid."""
        standing = self.session.standing
        credentials = standing.credentials
        with told("application default credentials", project=standing.project):
            from google.auth.transport.requests import Request

            credentials.refresh(partial(Request(), timeout=self.session.read_seconds))
        who = (
            getattr(credentials, "service_account_email", "")
            or getattr(credentials, "account", "")
            or f"{type(credentials).__module__}, which name nobody"
        )
        return _ok("identity", "", f"{who}, project named by {standing.project_from}")

    def project(self) -> Finding:
        """Return whether the project is there, and has enabled the API."""
        found = self._project()
        return _ok("project", "", f"{found.name}, Compute Engine API enabled")

    def clock(self) -> Finding:
        """Return how far the clocks are apart, asked without credentials: a wrong one breaks them.

        Google says of none how wrong it may be; AWS's bound is taken. The nodes' certificates are
        dated by this clock too.
        """
        from email.utils import parsedate_to_datetime

        with told("the time"):
            import requests

            url = f"{self.session.endpoint}/compute/v1/projects"
            answer = requests.head(url, timeout=self.session.read_seconds)
            ours = datetime.now(UTC)
            theirs = parsedate_to_datetime(answer.headers["date"])
            return clock_finding(theirs.astimezone(UTC), ours)

    def region(self, region: str) -> Finding:
        """Return whether a region is there and up."""
        _must_be_up(region, self._region(region), _ELSEWHERE)
        return _ok("region", region, "up")

    def all_cpus(self) -> Finding:
        """Return whether the vCPUs left to the project, all regions together, hold the fleet."""
        need = sum(vcpus_needed(self.config).values())
        regions = self.config.regions
        return self._finding(GCP_ALL_CPUS, "", need, self._project().quotas, regions)

    def cpus(self, region: str) -> Finding:
        """Return whether the vCPUs left in a region hold the fleet.

        Spot machines have a quota of their own once it has been granted, and share the others'
        until then (Google's documentation of Spot VMs, 2026-11).
        """
        quotas = self._region(region).quotas
        quota = GCP_CPUS
        if self.config.purchase is Purchase.SPOT:
            with told(f"the quota {GCP_SPOT_CPUS.code}"):
                quota = GCP_SPOT_CPUS if _limit(quotas, GCP_SPOT_CPUS) else GCP_CPUS
        return self._finding(quota, region, vcpus_needed(self.config)[region], quotas, (region,))

    def addresses(self, region: str) -> Finding:
        """Return whether the public addresses left in a region are enough."""
        quotas, need = self._region(region).quotas, addresses_needed(self.config)
        return self._finding(GCP_ADDRESSES, region, need, quotas, (region,))

    def ssd(self, region: str) -> Finding:
        """Return whether the SSD left in a region holds the disks."""
        quotas, need = self._region(region).quotas, ssd_gb_needed(self.config, region)
        return self._finding(GCP_SSD, region, need, quotas, (region,))

    def zone(self, region: str) -> Finding:
        """Return whether the nodes' zone is up, and offers each machine of the region."""
        zone = self.zone_name or f"{region}-b"
        with told("compute.zones.get", project=self.session.project, absent=_ELSEWHERE):
            client = self.session.client("Zones")
            known = client.get(project=self.session.project, zone=zone, **self.session.reading())
        _must_be_up(zone, known, "Plan with `--var zone=` of another.")
        found = [
            zone_finding(region, zone, machine, self._offering(region, machine))
            for machine in sorted(machines_in(self.config, region))
        ]
        return max(found, key=lambda each: each.answer is Answer.REFUSED)

    def image(self) -> Finding:
        """Return whether the image that the nodes start from is there."""
        hint = "Plan with `--var image=` of another."
        with told("compute.images.get", project=self.session.project, absent=hint):
            client, bounds = self.session.client("Images"), self.session.reading()
            if family := _FAMILY.fullmatch(self.image_name):
                project, name = family.groups()
                found = client.get_from_family(project=project, family=name, **bounds)
            elif image := _IMAGE.fullmatch(self.image_name):
                project, name = image.groups()
                found = client.get(project=project, image=name, **bounds)
            else:
                raise RemoteError(f"{self.image_name}: looked for only as projects/P/global/images")
        if not found.status:
            raise RemoteError(f"Google does not say whether {self.image_name} is ready")
        if found.status != "READY" or found.deprecated.state in _GONE:
            raise PreflightError(f"the image {found.name} cannot be used", hint=hint)
        return _ok("image", "", f"{found.name} of {project}")

    def _project(self) -> Any:  # noqa: ANN401 - google-cloud-compute's own
        project = self.session.project
        with told("compute.projects.get", project=project):
            return self.session.client("Projects").get(project=project, **self.session.reading())

    def _region(self, region: str) -> Any:  # noqa: ANN401
        project = self.session.project
        with told("compute.regions.get", project=project, absent=_ELSEWHERE):
            client = self.session.client("Regions")
            return client.get(project=project, region=region, **self.session.reading())

    def _finding(
        self,
        quota: Quota,
        region: str,
        need: int,
        quotas: Any,  # noqa: ANN401
        regions: tuple[str, ...],
    ) -> Finding:
        with told(f"the quota {quota.code}"):
            limit, in_use = _limit(quotas, quota), _in_use(quotas, quota)
        if in_use and need > limit - in_use:  # only then does it matter whose the rest is
            own = sum(self.usage.of(quota, each) for each in regions)
            in_use = max(0, in_use - own)
        project = self.session.project
        return quota_finding(quota, region, need, limit=limit, in_use=in_use, project=project)

    def _offering(self, region: str, machine: str) -> list[str]:
        project = self.session.project
        with told("compute.machineTypes.list", project=project):
            client = self.session.client("MachineTypes")
            asked = {"project": project, "filter": f"name = {machine}"}
            return [
                zone.removeprefix("zones/")
                for zone, listed in client.aggregated_list(asked, **self.session.reading())
                if zone.startswith(f"zones/{region}-")
                and any(
                    each.name == machine and each.deprecated.state not in _GONE
                    for each in listed.machine_types
                )
            ]


def gcp_account(
    config: PhaseConfig,
    deployment: str,
    read_seconds: float = READ_SECONDS,
    values: Mapping[str, object] | None = None,
) -> GcpAccount:
    """Return the account, zone and image that the stacks are given, by value or by environment.

    Args:
        config: Of the phase.
        deployment: Its name, as of labels.
        read_seconds: Longest wait for one answer.
        values: Of the stacks' variables, as far as they are given.
    """
    given = values or {}
    session = GcpSession(str(given.get("project", "")), min(read_seconds, READ_SECONDS))
    return GcpAccount(
        config=config,
        session=session,
        usage=Usage(
            session=session, deployment=deployment, is_spot=config.purchase is Purchase.SPOT
        ),
        zone_name=str(given.get("zone") or os.environ.get(_ZONE_NAME, "")),
        image_name=str(given.get("image") or os.environ.get(_IMAGE_NAME) or IMAGE),
    )


def _must_be_up(name: str, place: Any, remedy: str) -> None:  # noqa: ANN401
    """Refuse a region or zone that is down; not to hear that it is up is no answer.

    Raises:
        PreflightError: Google says that it is not up.
        RemoteError: Google does not say.
    """
    if not place.status:
        raise RemoteError(f"Google does not say whether {name} is up")
    if place.status != "UP":
        raise PreflightError(f"Google says that {name} is {place.status}", hint=remedy)


def _limit(quotas: Any, quota: Quota) -> int:  # noqa: ANN401
    return math.floor(_figure(quotas, quota, "limit"))


def _in_use(quotas: Any, quota: Quota) -> int:  # noqa: ANN401
    return math.ceil(_figure(quotas, quota, "usage"))


def _figure(quotas: Any, quota: Quota, name: str) -> float:  # noqa: ANN401
    """Return a quota's figure; one that is not there is not 0."""
    for each in quotas:
        if each.metric == quota.code and name in each:
            value = float(getattr(each, name))
            if math.isfinite(value) and value >= 0:
                return value
            raise ValueError(f"a {name} of {value}")
    raise ValueError(f"no {name} of {quota.code}")


def _ok(check: str, region: str, detail: str) -> Finding:
    return Finding(check=check, region=region, answer=Answer.OK, detail=detail)
