"""The stacks of a phase: one for each region, and one above them where a phase has several."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Stack


def stacks_of(config: PhaseConfig) -> tuple[Stack, ...]:
    """Return what Terraform has to make of a phase, from its configuration and nothing else."""
    if config.cloud == "gcp":
        from infra.stacks.gcp import gcp_stacks

        return gcp_stacks(config)
    from infra.stacks.aws import aws_stacks

    return aws_stacks(config)
