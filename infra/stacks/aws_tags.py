"""The tags by which a deployment's things are found, priced and swept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.blocks import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.declaration import PhaseConfig

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
