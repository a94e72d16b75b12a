"""What stands above a phase's regions: one name, the nearest healthy region, and a CDN before it.

The zone of the name is given, not made: see `zone_id`. Standard logs of the distribution are left
out, because they need a bucket with access lists, which the artifacts' is not; gateways log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.ports import HTTPS_PORT
from infra.stacks.aws_certificate import (
    CERTIFICATE_ARN,
    DOMAIN,
    ORIGIN,
    ZONE_ID,
    certificate,
    naming,
)
from infra.stacks.aws_edge import HEALTH_PATH
from infra.stacks.aws_tags import DEPLOYMENT, SHORT_LABEL, label_in, provider
from infra.stacks.blocks import Output, Stack, resource, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block

REGION = "us-east-1"  # CloudFront takes certificates from no other
# Policies that AWS keeps under fixed ids: never cache; pass on all that the client sent, but Host.
_NO_CACHE = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
_SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"  # added where an answer has none
_READ_SECONDS = 60  # the most without asking AWS; a stream may pause so long, not last so long


def global_stack(config: PhaseConfig) -> Stack | None:
    """Return the stack of a phase with a CDN, to be applied after its regions; None without.

    It reads the balancers' names from the regions' states.
    """
    if not config.services.cdn:
        return None
    states = [
        state_of(f"{config.phase}-{region}", region.replace("-", "_")) for region in config.regions
    ]
    regions = [
        block
        for region, state in zip(config.regions, states, strict=True)
        for block in _region(region, state)
    ]
    distribution = _distribution()
    return Stack(
        name=f"{config.phase}-global",
        provider=provider(config, REGION),
        blocks=(
            *states,
            *regions,
            *certificate(DOMAIN),
            distribution,
            *_names(distribution),
        ),
        outputs=(
            Output(name="endpoint", value=f"https://{DOMAIN}", description="Of the service."),
            Output(
                name="distribution_id",
                value=distribution.ref("id"),
                description="Of the CDN before all regions.",
            ),
        ),
        variables=(*naming(REGION, records=True), DEPLOYMENT),
    )


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


def _distribution() -> Block:
    """A distribution that ends TLS near the client and keeps nothing: each answer is another's.

    It does not compress, for that would hold back the pieces of a stream.
    """
    return resource(
        "aws_cloudfront_distribution",
        "main",
        enabled=True,
        comment=SHORT_LABEL,
        aliases=[DOMAIN],
        http_version="http2and3",
        is_ipv6_enabled=True,
        price_class="PriceClass_All",
        origin=[
            {
                "origin_id": "regions",
                "domain_name": ORIGIN,
                "custom_origin_config": {
                    "http_port": 80,
                    "https_port": HTTPS_PORT,
                    "origin_protocol_policy": "https-only",
                    "origin_ssl_protocols": ["TLSv1.2"],
                    "origin_read_timeout": _READ_SECONDS,
                    "origin_keepalive_timeout": 60,
                },
            }
        ],
        default_cache_behavior={
            "target_origin_id": "regions",
            "viewer_protocol_policy": "https-only",
            "allowed_methods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
            "cached_methods": ["GET", "HEAD"],
            "cache_policy_id": _NO_CACHE,
            "origin_request_policy_id": _ALL_BUT_HOST,
            "response_headers_policy_id": _SECURITY_HEADERS,
            "compress": False,
        },
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        viewer_certificate={
            "acm_certificate_arn": CERTIFICATE_ARN,
            "ssl_support_method": "sni-only",
            "minimum_protocol_version": "TLSv1.2_2021",
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
