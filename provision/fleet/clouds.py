"""Which cloud a fleet is in, as one that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from infra.declaration import PhaseConfig
    from provision.clouds.cloud import Cloud


def cloud_for(config: PhaseConfig) -> Cloud:
    """Return the account of the cloud that a phase runs in; asks nothing yet."""
    return cloud_named(config.cloud)


def cloud_named(name: Literal["aws", "gcp"]) -> Cloud:
    """Return the account that the credentials in force belong to; asks nothing yet."""
    if name == "gcp":
        from provision.clouds.gcp_fleet import GcpFleet

        return GcpFleet()
    from provision.clouds.aws_fleet import AwsFleet

    return AwsFleet()
