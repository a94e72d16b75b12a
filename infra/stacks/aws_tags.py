"""AWS's provider, and the tags by which a deployment's things are found, priced and swept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.domain import SHAPE
from infra.stacks.blocks import Provider, Variable
from infra.stacks.names import LONGEST_DEPLOYMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.declaration import PhaseConfig

PROVIDER_VERSION = "5.100.0"
DEPLOYMENT = Variable(
    name="deployment",
    kind="string",
    description="Name of the deployment: part of every name in the cloud, and a tag of everything.",
    default="main",
    condition=f'can(regex("^{SHAPE}$", var.deployment)) && '
    f"length(var.deployment) <= {LONGEST_DEPLOYMENT}",
    problem=f"At most {LONGEST_DEPLOYMENT} lower case letters, digits and single hyphens, a letter "
    "first.",
)

# Unique in a region, where the shortest of limits, a balancer's, is 32 characters.
SHORT_LABEL = f"qinfra-{DEPLOYMENT.ref}"


def label_in(region: str) -> str:
    """Return the prefix of a deployment's names in a region, unique in the whole account."""
    return f"{SHORT_LABEL}-{region}"


def tags(config: PhaseConfig) -> Mapping[str, str]:
    """Return what everything of a phase is tagged with."""
    return {
        "qinfra_deployment": DEPLOYMENT.ref,
        "qinfra_phase": config.phase.value,
        "managed_by": "qinfra",
    }


def provider(config: PhaseConfig, region: str, alias: str = "") -> Provider:
    """Return the provider of a stack in a region, which tags all that it makes.

    Args:
        config: The phase.
        region: Where it works.
        alias: Where the stack has another one besides.
    """
    return Provider(
        name="aws",
        version=PROVIDER_VERSION,
        arguments={"region": region, "default_tags": {"tags": dict(tags(config))}},
        alias=alias,
    )
