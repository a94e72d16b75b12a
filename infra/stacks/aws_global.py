"""What stands above a phase's regions: one name, the nearest healthy one, a CDN, and copies.

The zone of the name is given, not made: see `zone_id`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.ports import HTTPS_PORT
from infra.stacks.aws_cdn import cdn
from infra.stacks.aws_certificate import (
    CERTIFICATE_ARN,
    DOMAIN,
    ORIGIN,
    ZONE_ID,
    certificate,
    naming,
)
from infra.stacks.aws_copies import copies
from infra.stacks.aws_edge import HEALTH_PATH
from infra.stacks.aws_tags import DEPLOYMENT, SHORT_LABEL, label_in, provider
from infra.stacks.aws_tenants import tenant_names
from infra.stacks.blocks import Output, Stack, resource, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block, Provider

REGION = "us-east-1"  # CloudFront takes certificates from no other


def global_stack(config: PhaseConfig) -> Stack | None:
    """Return the stack of a phase with a CDN, to be applied after its regions; None without.

    It reads the balancers' names, and what is to be copied, from the regions' states.
    """
    if not config.services.cdn:
        return None
    states = {
        region: state_of(f"{config.phase}-{region}", region.replace("-", "_"))
        for region in config.regions
    }
    regions = [block for region, state in states.items() for block in _region(region, state)]
    others = _providers(config)
    copied = copies(config, states, {region: each.address for region, each in others.items()})
    distribution = cdn("main", DOMAIN, CERTIFICATE_ARN, comment=SHORT_LABEL)
    tenants = tenant_names(config, REGION)
    return Stack(
        name=f"{config.phase}-global",
        provider=provider(config, REGION),
        blocks=(
            *states.values(),
            *regions,
            *certificate(DOMAIN),
            distribution,
            *_names(distribution),
            *tenants.blocks,
            *copied,
        ),
        outputs=(
            Output(name="endpoint", value=f"https://{DOMAIN}", description="Of the service."),
            Output(
                name="distribution_id",
                value=distribution.ref("id"),
                description="Of the CDN before all regions.",
            ),
            *tenants.outputs,
        ),
        variables=(*naming(REGION, records=True), DEPLOYMENT, *tenants.variables),
        others=tuple(others.values()),
    )


def _providers(config: PhaseConfig) -> dict[str, Provider]:
    """Return who works in the regions that are not the stack's own, where anything is copied."""
    copied = config.regions if len(config.regions) > 1 else ()
    return {
        region: provider(config, region, region.replace("-", "_"))
        for region in copied
        if region != REGION
    }


def _region(region: str, state: Block) -> Iterator[Block]:
    """A record for those to whom this region is nearest, while it is healthy.

    Alias records watch the balancer's targets by themselves, from within AWS; the check asks from
    the internet, as the CDN does, and has a security group for it.
    """
    name = region.replace("-", "_")
    check = resource(
        "aws_route53_health_check",
        name,
        type="HTTPS",
        fqdn=state.ref("outputs.balancer_dns_name"),
        port=HTTPS_PORT,
        resource_path=HEALTH_PATH,
        enable_sni=True,
        failure_threshold=3,
        request_interval=30,
        tags={"Name": label_in(region)},
    )
    yield check
    yield resource(
        "aws_route53_record",
        name,
        zone_id=ZONE_ID,
        name=ORIGIN,
        type="A",
        set_identifier=region,
        health_check_id=check.ref("id"),
        latency_routing_policy={"region": region},
        alias={
            "name": state.ref("outputs.balancer_dns_name"),
            "zone_id": state.ref("outputs.balancer_zone_id"),
            "evaluate_target_health": True,
        },
    )


def _names(distribution: Block) -> Iterator[Block]:
    for kind in ("A", "AAAA"):
        yield resource(
            "aws_route53_record",
            f"service_{kind.lower()}",
            zone_id=ZONE_ID,
            name=DOMAIN,
            type=kind,
            alias={
                "name": distribution.ref("domain_name"),
                "zone_id": distribution.ref("hosted_zone_id"),
                "evaluate_target_health": False,
            },
        )
