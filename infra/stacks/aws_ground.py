"""What the nodes and services of an AWS region stand on: network, groups, key and bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.errors import ConfigError
from infra.machines import region_named
from infra.stacks.aws_groups import VARIABLES, roles_of, security_groups
from infra.stacks.aws_network import network
from infra.stacks.aws_tags import SHORT_LABEL, label_in
from infra.stacks.aws_vault import account, bucket, key
from infra.stacks.blocks import Output
from infra.stacks.site import Part, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block


def ground(config: PhaseConfig, region: str) -> tuple[Site, Part]:
    """Return a region's ground, and what builds it.

    Raises:
        ConfigError: The region is not AWS's, or the phase has no nodes there.
    """
    region_named(region, "aws")
    if not roles_of(config, region):
        raise ConfigError(f"phase {config.phase}: no nodes in {region}")
    label = label_in(region)
    net, paths = network(config, region, label)
    groups, rules = security_groups(config, region, net.vpc, label)
    master, alias = key(config, region, label)
    artifacts, *guards = bucket(label, master)
    site = Site(
        label=label,
        short=SHORT_LABEL,
        vpc=net.vpc,
        public=net.public,
        private=net.private,
        groups=groups,
        key=master,
        bucket=artifacts,
    )
    part = Part(
        blocks=(account(), *paths, *rules, master, alias, artifacts, *guards),
        outputs=(
            Output(name="region", value=region, description="The cloud's name of it."),
            Output(name="bucket", value=artifacts.ref("id"), description="Of the artifacts."),
            *_for_copies(config, master),
        ),
        variables=VARIABLES,
    )
    return site, part


def _for_copies(config: PhaseConfig, key: Block) -> Iterator[Output]:
    if len(config.regions) > 1:
        yield Output(
            name="key", value=key.ref("arn"), description="Under which copies of others are kept."
        )
