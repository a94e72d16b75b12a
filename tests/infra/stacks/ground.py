"""A region's ground, made of just enough blocks for what stands on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.declaration import Phase, PhaseConfig
from infra.phases import phase_config
from infra.stacks.aws_edge import orchestrators
from infra.stacks.aws_tags import DEPLOYMENT, SHORT_LABEL, label_in
from infra.stacks.blocks import Block, Provider, Stack, resource
from infra.stacks.site import Part, Site

GUARDED = (Phase.PRODUCTION, Phase.ENTERPRISE)


def config_of(phase: Phase) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, Assumptions())


def regions_of(*phases: Phase) -> list[tuple[PhaseConfig, str]]:
    return [(config, region) for phase in phases for config in [config_of(phase)]
            for region in config.regions]  # fmt: skip


def site_of(config: PhaseConfig, region: str) -> Site:
    label = label_in(region)
    vpc = resource("aws_vpc", "main", cidr_block="10.0.0.0/16")

    def subnet(kind: str, number: int) -> Block:
        return resource(
            "aws_subnet",
            f"{kind}_{number}",
            vpc_id=vpc.ref("id"),
            cidr_block=f"10.0.{number}.0/24",
            availability_zone=f"{region}{'ab'[number % 2]}",
        )

    return Site(
        label=label,
        short=SHORT_LABEL,
        vpc=vpc,
        public=tuple(subnet("public", number) for number in (0, 1)),
        private=tuple(subnet("private", number) for number in (2, 3)),
        groups={
            name: resource("aws_security_group", name, name=f"{label}-{name}", vpc_id=vpc.ref("id"))
            for name in ("orchestrator", "balancer", "checks", "database", "cache")
        },
        key=resource("aws_kms_key", "main", enable_key_rotation=True),
        bucket=resource("aws_s3_bucket", "artifacts", bucket=f"{label}-artifacts"),
    )


def standing(config: PhaseConfig, region: str, *parts: Part) -> Stack:
    """Return a stack of the parts, with the ground, nodes and gateways they refer to."""
    site = site_of(config, region)
    nodes = (
        resource("aws_instance", f"orchestrator_{number}", instance_type="g4dn.xlarge", ami="ami-1")
        for number in range(1, orchestrators(config, region) + 1)
    )
    gateways = (
        resource("aws_nat_gateway", f"nat_{number}", subnet_id=subnet.ref("id"), allocation_id="-")
        for number, subnet in enumerate(site.public, start=1)
    )
    ground = (site.vpc, *site.public, *site.private, *site.groups.values(), site.key, site.bucket)
    return Stack(
        name=f"{config.phase}-{region}",
        provider=Provider(name="aws", version="5.100.0", arguments={"region": region}),
        blocks=(*ground, *nodes, *gateways, *(block for part in parts for block in part.blocks)),
        outputs=tuple(output for part in parts for output in part.outputs),
        variables=(DEPLOYMENT, *(each for part in parts for each in part.variables)),
    )


def one(part: Part, kind: str) -> dict[str, Any]:
    """Return the arguments of the only block of a kind."""
    (block,) = (block for block in part.blocks if block.kind == kind)
    return dict(block.arguments)


def texts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every name and scalar inside arguments."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from ((name, each),) if not isinstance(each, dict | list) else texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)
