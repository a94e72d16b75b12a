"""AWS's provider, and the tags by which a deployment's things are found, priced and swept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.blocks import Provider, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.declaration import PhaseConfig

PROVIDER_VERSION = "5.100.0"
DEPLOYMENT = Variable(
    name="deployment",
    kind="string",
    description="Name of the deployment; everything carries it as a tag.",
    default="qinfra",
    condition='can(regex("^[a-z][a-z0-9-]{0,39}$", var.deployment))',
    problem="Lower case letters, digits and hyphens, at most 40, a letter first.",
)


def tags(config: PhaseConfig) -> Mapping[str, str]:
    """Return what everything of a phase is tagged with."""
    return {
        "qinfra_deployment": DEPLOYMENT.ref,
        "qinfra_phase": config.phase.value,
        "managed_by": "qinfra",
    }


def provider(config: PhaseConfig, region: str) -> Provider:
    """Return the provider of a stack in a region, which tags all that it makes."""
    return Provider(
        name="aws",
        version=PROVIDER_VERSION,
        arguments={"region": region, "default_tags": {"tags": dict(tags(config))}},
    )
