"""Which cloud a fleet is in, as one that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.declaration import PhaseConfig
    from provision.clouds.cloud import Cloud


def cloud_for(config: PhaseConfig, values: Mapping[str, object]) -> Cloud:
    """Return the account of the cloud that a phase runs in; asks nothing yet.

    Args:
        config: The phase.
        values: Of its stacks' variables, as given.
    """
    return cloud_named(config.cloud, project=str(values.get("project", "")))


def cloud_named(name: Literal["aws", "gcp"], *, project: str = "") -> Cloud:
    """Return the account that the credentials in force belong to; asks nothing yet.

    Args:
        name: The cloud's.
        project: Of Google Cloud; the environment's when empty.
    """
    if name == "gcp":
        from provision.clouds.gcp_fleet import GcpFleet
        from provision.clouds.gcp_session import GcpSession

        return GcpFleet(session=GcpSession(project))
    from provision.clouds.aws_fleet import AwsFleet

    return AwsFleet()
