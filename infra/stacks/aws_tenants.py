"""The names of tenants: each has a certificate, a distribution and records of its own.

One distribution for all would have one certificate, to be replaced for each tenant that comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.aws_cdn import cdn
from infra.stacks.aws_certificate import Proof, certificate
from infra.stacks.aws_tags import SHORT_LABEL
from infra.stacks.blocks import Output, Variable, resource
from infra.stacks.site import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.declaration import PhaseConfig
    from infra.stacks.blocks import Block
    from infra.tenants import Tenant

# Tells the gateway under whose name it was asked: which title to show, no more. A client can send
# it to the deployment's own name as well, so whose pipelines answer is for the API key to say.
TENANT_HEADER = "X-Qinfra-Tenant"


def tenant_names(config: PhaseConfig, region: str) -> Part:
    """Return what the domains of tenants need; nothing for those without.

    Args:
        config: The phase.
        region: From which the CDN takes certificates.
    """
    named = [tenant for tenant in config.tenants if tenant.domain]
    if not named:
        return Part(blocks=())
    endpoints = {
        tenant.name: {
            "endpoint": f"https://{tenant.domain}",
            "leads_to": f"${{aws_cloudfront_distribution.tenant_{tenant.key}.domain_name}}",
        }
        for tenant in named
    }
    return Part(
        blocks=tuple(block for tenant in named for block in _blocks(tenant)),
        outputs=(
            Output(
                name="tenant_endpoints",
                value=endpoints,
                description="By tenant: its name, and where a record elsewhere has to lead it.",
            ),
        ),
        variables=tuple(each for tenant in named for each in _variables(tenant, region)),
    )


def _proof(tenant: Tenant) -> Proof:
    return Proof(
        block=f"tenant_{tenant.key}",
        record=f"tenant_{tenant.key}_certificate",
        given=tenant.certificate_variable,
        zone=tenant.zone_variable,
    )


def _blocks(tenant: Tenant) -> Iterator[Block]:
    proof = _proof(tenant)
    yield from certificate(tenant.domain, proof)
    distribution = cdn(
        proof.block,
        tenant.domain,
        proof.arn,
        comment=f"{SHORT_LABEL} for {tenant.name}",
        headers={TENANT_HEADER: tenant.name},
    )
    yield distribution
    for kind in ("A", "AAAA"):
        yield resource(
            "aws_route53_record",
            f"{proof.block}_{kind.lower()}",
            zone_id=f"${{var.{proof.zone}}}",
            name=tenant.domain,
            type=kind,
            alias={
                "name": distribution.ref("domain_name"),
                "zone_id": distribution.ref("hosted_zone_id"),
                "evaluate_target_health": False,
            },
            meta={"count": f'${{var.{proof.zone} == "" ? 0 : 1}}'},
        )


def _variables(tenant: Tenant, region: str) -> Iterator[Variable]:
    """A tenant's domain is often in another account: then it gives a certificate, and no zone."""
    proof = _proof(tenant)
    yield Variable(
        name=proof.given,
        kind="string",
        description=f"ACM certificate of {tenant.domain} in {region}; empty: one is made.",
        default="",
        condition=proof.is_given_in(region),
        problem=f"{proof.given} must be empty or the ARN of an ACM certificate in {region}.",
    )
    yield Variable(
        name=proof.zone,
        kind="string",
        description=f"Route 53 zone of {tenant.domain}; empty: its records are written elsewhere.",
        default="",
        condition=f'var.{proof.zone} != "" || !({proof.own})',
        problem=f"Tenant {tenant.name}: give {proof.zone}, to make the certificate and records of "
        f"{tenant.domain}, or {proof.given}.",
    )
