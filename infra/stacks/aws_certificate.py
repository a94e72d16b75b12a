"""The certificate of a name: one that is given, or one that is asked for and proved in DNS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.stacks.blocks import Variable, resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.stacks.blocks import Block

_GIVEN_FORM = "^arn:aws[a-z-]*:acm:{region}:[0-9]{{12}}:certificate/[0-9a-f-]+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How one name gets its certificate.

    Attributes:
        block: Name of the certificate's blocks.
        record: Of the record that proves the name.
        given: The variable of a certificate that is there already.
        zone: The variable of the name's Route 53 zone.
    """

    block: str
    record: str
    given: str
    zone: str

    @property
    def own(self) -> str:
        """A condition: whether the certificate is made here."""
        return f'var.{self.given} == ""'

    @property
    def arn(self) -> str:
        """An expression for the certificate, given or made."""
        made = f"one(aws_acm_certificate_validation.{self.block}[*].certificate_arn)"
        return f"${{{self.own} ? {made} : var.{self.given}}}"

    def is_given_in(self, region: str) -> str:
        """Return a condition: the variable is empty, or names a certificate of the region."""
        form = _GIVEN_FORM.format(region=region)
        return f'{self.own} || can(regex("{form}", var.{self.given}))'


GATEWAY = Proof(block="gateway", record="certificate", given="certificate_arn", zone="zone_id")
CERTIFICATE_ARN = GATEWAY.arn
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
            condition=GATEWAY.is_given_in(region),
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


def certificate(name: str, proof: Proof = GATEWAY) -> Iterator[Block]:
    """Yield one for `name`, when none is given: asked for, proved in DNS, and waited for.

    All regions of an account prove the same name by the same record, so each may overwrite it; when
    one region goes and takes it along, the next apply of another writes it again.
    """
    count = {"count": f"${{{proof.own} ? 1 : 0}}"}
    yield resource(
        "aws_acm_certificate",
        proof.block,
        domain_name=name,
        validation_method="DNS",
        meta={**count, "lifecycle": {"create_before_destroy": True}},
    )
    asked = f"one(aws_acm_certificate.{proof.block}[0].domain_validation_options).resource_record"
    yield resource(
        "aws_route53_record",
        proof.record,
        zone_id=f"${{var.{proof.zone}}}",
        name=f"${{{asked}_name}}",
        type=f"${{{asked}_type}}",
        records=[f"${{{asked}_value}}"],
        ttl=300,
        allow_overwrite=True,
        meta=count,
    )
    yield resource(
        "aws_acm_certificate_validation",
        proof.block,
        certificate_arn=f"${{aws_acm_certificate.{proof.block}[0].arn}}",
        validation_record_fqdns=[f"${{aws_route53_record.{proof.record}[0].fqdn}}"],
        meta=count,
    )
