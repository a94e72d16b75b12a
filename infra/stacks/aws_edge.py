"""The way into a region: a load balancer that speaks HTTPS only, and the firewall before it.

Shield Standard guards every balancer and distribution by itself, at no cost; no resource names it.

Access logs are left out: a balancer writes them to no bucket that a customer's key encrypts, as
the artifacts' bucket is. Alarms and flow logs tell of its health; the gateway logs each request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.ports import GATEWAY_PORT, HTTPS_PORT
from infra.stacks.aws_certificate import (
    CERTIFICATE_ARN,
    DOMAIN,
    ORIGIN,
    ZONE_ID,
    certificate,
    naming,
)
from infra.stacks.aws_firewall import RATE, firewall
from infra.stacks.blocks import Output, Variable, resource
from infra.stacks.site import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block
    from infra.stacks.site import Site

HEALTH_PATH = "/readyz"
# The gateway gives up on a request after 120 s; the balancer must not give up before it.
_GATEWAY_TIMEOUT_SECONDS = 120
_TLS_13 = "ELBSecurityPolicy-TLS13-1-3-2021-06"
_TLS_12_FOR_CDN = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"  # CloudFront asks origins for TLS 1.2

_KEEP_BALANCER = Variable(
    name="keep_balancer",
    kind="bool",
    description="Refuse to delete the load balancer; set to false, and apply, to destroy it.",
    default=True,
    protects=True,
)


def edge(config: PhaseConfig, region: str, site: Site) -> Part:
    """Return the balancer, its certificate and its firewall; nothing when the phase has none.

    The gateway speaks HTTP, so what follows the balancer is plain, inside the region's own network
    and open to the balancer's security group alone.

    Raises:
        ConfigError: The phase asks for more firewall rules than are known.
    """
    if not config.services.load_balancer:
        return Part(blocks=())
    balancer = _balancer(site)
    targets = _targets(site)
    blocks = (
        balancer,
        targets,
        *_attachments(config, region, targets),
        *certificate(ORIGIN if config.services.cdn else DOMAIN),
        _https(balancer, targets, _TLS_12_FOR_CDN if config.services.cdn else _TLS_13),
        *(() if config.services.cdn else (_redirect(balancer), _record(balancer))),
        *firewall(config, site, balancer),
    )
    rate = (RATE,) if config.services.waf_rules else ()
    variables = (*naming(region), _KEEP_BALANCER, *rate)
    return Part(blocks=blocks, outputs=_outputs(balancer), variables=variables)


def orchestrators(config: PhaseConfig, region: str) -> int:
    """Return how many orchestrators stand behind the region's balancer."""
    return sum(
        group.count
        for group in config.groups
        if group.region == region and group.role == "orchestrator"
    )


def _balancer(site: Site) -> Block:
    return resource(
        "aws_lb",
        "gateway",
        name=site.short,
        load_balancer_type="application",
        internal=False,
        subnets=[subnet.ref("id") for subnet in site.public],
        security_groups=[
            site.groups[name].ref("id") for name in ("balancer", "checks") if name in site.groups
        ],
        drop_invalid_header_fields=True,
        desync_mitigation_mode="strictest",
        enable_deletion_protection=_KEEP_BALANCER.ref,
        idle_timeout=_GATEWAY_TIMEOUT_SECONDS + 10,
    )


def _targets(site: Site) -> Block:
    """The gateways, by their readiness: one without a complete pipeline gets no requests."""
    return resource(
        "aws_lb_target_group",
        "gateway",
        name=site.short,
        vpc_id=site.vpc.ref("id"),
        target_type="instance",
        protocol="HTTP",
        port=GATEWAY_PORT,
        load_balancing_algorithm_type="least_outstanding_requests",
        deregistration_delay=str(_GATEWAY_TIMEOUT_SECONDS),
        stickiness={"type": "lb_cookie", "enabled": False},
        health_check={
            "protocol": "HTTP",
            "path": HEALTH_PATH,
            "matcher": "200",
            "interval": 10,
            "timeout": 5,
            "healthy_threshold": 2,
            "unhealthy_threshold": 2,
        },
    )


def _attachments(config: PhaseConfig, region: str, targets: Block) -> Iterator[Block]:
    for number in range(1, orchestrators(config, region) + 1):
        yield resource(
            "aws_lb_target_group_attachment",
            f"orchestrator_{number}",
            target_group_arn=targets.ref("arn"),
            target_id=f"${{aws_instance.orchestrator_{number}.id}}",
            port=GATEWAY_PORT,
        )


def _https(balancer: Block, targets: Block, policy: str) -> Block:
    return resource(
        "aws_lb_listener",
        "https",
        load_balancer_arn=balancer.ref("arn"),
        protocol="HTTPS",
        port=HTTPS_PORT,
        ssl_policy=policy,
        certificate_arn=CERTIFICATE_ARN,
        routing_http_response_server_enabled=False,
        routing_http_response_strict_transport_security_header_value="max-age=31536000",
        default_action=[{"type": "forward", "target_group_arn": targets.ref("arn")}],
    )


def _redirect(balancer: Block) -> Block:
    """For people who type a name; a CDN speaks HTTPS by itself."""
    redirect = {"protocol": "HTTPS", "port": str(HTTPS_PORT), "status_code": "HTTP_301"}
    return resource(
        "aws_lb_listener",
        "http",
        load_balancer_arn=balancer.ref("arn"),
        protocol="HTTP",
        port=80,
        default_action=[{"type": "redirect", "redirect": redirect}],
    )


def _record(balancer: Block) -> Block:
    """Where the name leads; behind a CDN that is for the global stack to say."""
    return resource(
        "aws_route53_record",
        "gateway",
        zone_id=ZONE_ID,
        name=DOMAIN,
        type="A",
        alias={
            "name": balancer.ref("dns_name"),
            "zone_id": balancer.ref("zone_id"),
            "evaluate_target_health": True,
        },
        meta={"count": '${var.domain == "" || var.zone_id == "" ? 0 : 1}'},
    )


def _outputs(balancer: Block) -> tuple[Output, ...]:
    return (
        Output(
            name="balancer_dns_name",
            value=balancer.ref("dns_name"),
            description="Where the region's name leads.",
        ),
        Output(
            name="balancer_zone_id",
            value=balancer.ref("zone_id"),
            description="Route 53 zone of that name.",
        ),
    )
