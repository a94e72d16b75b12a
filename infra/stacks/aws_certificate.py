"""The certificate of a name: one that is given, or one that is asked for and proved in DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.blocks import Variable, resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.stacks.blocks import Block

_OWN = 'var.certificate_arn == ""'
_COUNT = {"count": f"${{{_OWN} ? 1 : 0}}"}
CERTIFICATE_ARN = (
    f"${{{_OWN} ? one(aws_acm_certificate_validation.gateway[*].certificate_arn) : "
    "var.certificate_arn}"
)
DOMAIN = "${var.domain}"
ORIGIN = f"origin.{DOMAIN}"  # under which a CDN reaches the nearest region
ZONE_ID = "${var.zone_id}"


def naming(region: str, *, records: bool = False) -> tuple[Variable, ...]:
    """Return the variables of a name and its certificate.

    Args:
        region: Where the certificate is used; one of another region does not serve.
        records: Whether the stack itself writes where the name leads, and so needs it in any case.
    """
    given = "false" if records else 'var.certificate_arn != ""'
    return (
        Variable(
            name="certificate_arn",
            kind="string",
            description=f"ACM certificate in {region}; empty: one is made for the domain.",
            default="",
            condition=(
                f'{_OWN} || can(regex("^arn:aws[a-z-]*:acm:{region}:[0-9]{{12}}:certificate/'
                '[0-9a-f-]+$", var.certificate_arn))'
            ),
            problem=f"certificate_arn must be empty or the ARN of an ACM certificate in {region}.",
        ),
        Variable(
            name="domain",
            kind="string",
            description="Name under which the service is reached, as in llm.example.com.",
            default="",
            condition=(
                f'var.domain == "" ? {given} : '
                'can(regex("^([a-z0-9-]+[.])+[a-z]{2,}$", var.domain))'
            ),
            problem="The service speaks HTTPS only: give its domain, as in llm.example.com.",
        ),
        Variable(
            name="zone_id",
            kind="string",
            description=(
                "Route 53 zone of domain. It is not made here: it outlives phases, and until its "
                "registrar names its servers, no certificate can be proved."
            ),
            default="",
            condition=f'var.domain == "" || var.zone_id != "" || {given}',
            problem="The domain's records are written to its Route 53 zone: give zone_id.",
        ),
    )


def certificate(name: str) -> Iterator[Block]:
    """Yield one for `name`, when none is given: asked for, proved in DNS, and waited for.

    All regions of an account prove the same name by the same record, so each may overwrite it; when
    one region goes and takes it along, the next apply of another writes it again.
    """
    yield resource(
        "aws_acm_certificate",
        "gateway",
        domain_name=name,
        validation_method="DNS",
        meta={**_COUNT, "lifecycle": {"create_before_destroy": True}},
    )
    proof = "one(aws_acm_certificate.gateway[0].domain_validation_options).resource_record"
    yield resource(
        "aws_route53_record",
        "certificate",
        zone_id=ZONE_ID,
        name=f"${{{proof}_name}}",
        type=f"${{{proof}_type}}",
        records=[f"${{{proof}_value}}"],
        ttl=300,
        allow_overwrite=True,
        meta=_COUNT,
    )
    yield resource(
        "aws_acm_certificate_validation",
        "gateway",
        certificate_arn="${aws_acm_certificate.gateway[0].arn}",
        validation_record_fqdns=["${aws_route53_record.certificate[0].fqdn}"],
        meta=_COUNT,
    )
