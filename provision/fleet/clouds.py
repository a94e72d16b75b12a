"""Which cloud a fleet is in, as one that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.declaration import PhaseConfig
    from provision.clouds.cloud import Cloud


def cloud_for(config: PhaseConfig) -> Cloud:
    """Return the account of the cloud that a phase runs in; asks nothing yet."""
    if config.cloud == "gcp":
        from provision.clouds.gcp_fleet import GcpFleet

        return GcpFleet()
    from provision.clouds.aws_fleet import AwsFleet

    return AwsFleet()
